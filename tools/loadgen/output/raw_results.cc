#include "tools/loadgen/output/raw_results.h"

#include <cmath>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "common/file.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr int kFormatVersion = 1;
constexpr char kCsvHeader[] =
    "block,workload,strategy,repeat,customer,measured,scheduled_ms,sent_ms,done_ms,latency_ms,code,sequences,"
    "longest_characters,proxy_latency_ms,queue_ms,service_ms,batches,batch_share,dispatched_by";
constexpr std::size_t kCsvColumns = 19;
constexpr std::size_t kLargestFileBytes = 4'000'000'000;

// --- CSV cells (RFC 4180) ---

std::string Cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char letter : text) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
  return quoted + '"';
}

// Reads the next line's cells; a quoted one may hold line ends, which `line_number` counts. Returns false at the end.
bool ReadCells(std::istream& in, std::vector<std::string>& cells, std::size_t& line_number) {
  cells.assign(1, "");
  bool quoted = false;
  bool any = false;
  for (int letter = in.get(); letter != std::istream::traits_type::eof(); letter = in.get()) {
    any = true;
    if (letter == '\n') ++line_number;
    if (quoted) {
      if (letter != '"') {
        cells.back() += static_cast<char>(letter);
      } else if (in.peek() == '"') {
        cells.back() += static_cast<char>(in.get());
      } else {
        quoted = false;
      }
    } else if (letter == '"') {
      quoted = true;
    } else if (letter == ',') {
      cells.emplace_back();
    } else if (letter == '\n') {
      return true;
    } else if (letter != '\r') {
      cells.back() += static_cast<char>(letter);
    }
  }
  return any;
}

bool ToDuration(const std::string& milliseconds, Duration& duration) {
  double value = 0;
  if (!absl::SimpleAtod(milliseconds, &value)) return false;
  duration = Duration(static_cast<std::int64_t>(std::llround(value * 1e6)));
  return true;
}

// --- One request ---

class RequestReader {
 public:
  explicit RequestReader(ResultSet& results) : results_(results) {
    for (const Block& block : results.blocks) {
      customers_.emplace_back();
      for (std::uint32_t i = 0; i < block.customers.size(); ++i) customers_.back()[block.customers[i]] = i;
    }
  }

  // Adds the request to its block. Returns what is wrong; empty if nothing is.
  std::string Add(const std::vector<std::string>& cells) {
    if (cells.size() != kCsvColumns) return fmt::format("{} fields instead of {}", cells.size(), kCsvColumns);
    std::uint32_t number = 0;
    if (!absl::SimpleAtoi(cells[0], &number) || number < 1 || number > results_.blocks.size()) {
      return fmt::format("block '{}' is not one of 1 to {}", cells[0], results_.blocks.size());
    }
    const auto customer = customers_[number - 1].find(cells[4]);
    if (customer == customers_[number - 1].end())
      return fmt::format("customer '{}' is not of block {}", cells[4], number);
    RequestRecord record;
    record.customer = customer->second;
    record.strategy = cells[18];
    const auto status = StatusCodeOf(cells[10]);
    if (!status) return fmt::format("unknown code '{}'", cells[10]);
    record.status_code = *status;
    const bool read =
        ToDuration(cells[6], record.scheduled) && ToDuration(cells[7], record.sent) &&
        ToDuration(cells[8], record.done) && absl::SimpleAtoi(cells[11], &record.sequences) &&
        absl::SimpleAtoi(cells[12], &record.longest) && absl::SimpleAtod(cells[13], &record.proxy_latency_ms) &&
        absl::SimpleAtod(cells[14], &record.queue_ms) && absl::SimpleAtod(cells[15], &record.service_ms) &&
        absl::SimpleAtoi(cells[16], &record.batches) && absl::SimpleAtod(cells[17], &record.batch_share);
    if (!read) return "expected a number";
    results_.blocks[number - 1].records.push_back(std::move(record));
    return "";
  }

 private:
  ResultSet& results_;
  std::vector<std::map<std::string, std::uint32_t>> customers_;
};

// --- The blocks ---

Json ToJson(const Block& block) {
  Json messages = Json::array();
  for (const auto& [code, message] : block.messages) {
    messages.push_back({{"code", StatusName(code)}, {"message", message}});
  }
  return {{"workload", block.workload},
          {"strategy", block.strategy.name},
          {"parameters", block.strategy.parameters},
          {"dispatched_by", block.dispatched_by},
          {"repeat", block.repeat},
          {"seed", block.seed},
          {"start_nanoseconds", block.start.count()},
          {"warm_up_nanoseconds", block.warm_up.count()},
          {"measured_nanoseconds", block.measured.count()},
          {"interrupted", block.interrupted},
          {"generator_cpu_seconds", block.generator_cpu_seconds},
          {"charged_over_weight_seconds", block.charged_over_weight},
          {"requests", block.records.size()},
          {"customers", block.customers},
          {"messages", messages},
          {"defects", block.defects}};
}

Json ToJson(const std::optional<CostModel>& cost) {
  if (!cost) return nullptr;
  return {{"fixed", cost->fixed},
          {"quadratic", cost->quadratic},
          {"per_sequence", cost->per_sequence},
          {"per_character", cost->per_character},
          {"per_character_squared", cost->per_character_squared},
          {"knee", cost->knee}};
}

std::optional<CostModel> CostOf(const Json& json) {
  if (json.is_null()) return std::nullopt;
  return CostModel{json.at("fixed"),
                   json.at("quadratic"),
                   json.at("per_sequence"),
                   json.at("per_character"),
                   json.at("per_character_squared"),
                   json.at("knee")};
}

// Throws what nlohmann throws if a field is missing or has another type.
Block BlockOf(const Json& json) {
  Block block;
  block.workload = json.at("workload");
  block.strategy = {json.at("strategy"), json.at("parameters")};
  block.dispatched_by = json.at("dispatched_by");
  block.repeat = json.at("repeat");
  block.seed = json.at("seed");
  block.start = Duration(json.at("start_nanoseconds").get<std::int64_t>());
  block.warm_up = Duration(json.at("warm_up_nanoseconds").get<std::int64_t>());
  block.measured = Duration(json.at("measured_nanoseconds").get<std::int64_t>());
  block.interrupted = json.at("interrupted");
  block.generator_cpu_seconds = json.at("generator_cpu_seconds");
  // Older files have neither this nor a cost model.
  block.charged_over_weight = json.value("charged_over_weight_seconds", std::vector<double>());
  block.customers = json.at("customers").get<std::vector<std::string>>();
  for (const Json& message : json.at("messages")) {
    block.messages[StatusCodeOf(message.at("code")).value_or(0)] = message.at("message");
  }
  block.defects = json.at("defects").get<std::vector<std::string>>();
  return block;
}

struct RawBlocks {
  ResultSet results;
  // How many requests each block has.
  std::vector<std::size_t> requests;
};

RawBlocks WithoutRequests(const Json& json) {
  RawBlocks raw;
  ResultSet& results = raw.results;
  results.interrupted = json.at("interrupted");
  Provenance& provenance = results.provenance;
  provenance.verb = json.at("verb");
  provenance.target = json.at("target");
  provenance.stamp = json.at("stamp");
  provenance.started_at = json.at("started_at");
  provenance.command = json.at("command");
  provenance.text_origin = json.at("text");
  provenance.seed = json.at("seed");
  provenance.max_dispatch_delay_ms = json.at("max_dispatch_delay_ms");
  provenance.workloads = json.at("workloads").get<std::map<std::string, std::string>>();
  provenance.objectives = json.at("objectives").get<std::vector<std::string>>();
  provenance.cost = CostOf(json.value("cost_model", Json(nullptr)));
  for (const Json& pair : json.at("environment")) provenance.environment.emplace_back(pair.at(0), pair.at(1));
  for (const Json& block : json.at("blocks")) {
    results.blocks.push_back(BlockOf(block));
    raw.requests.push_back(block.at("requests"));
  }
  return raw;
}

absl::Status Fault(const fs::path& file, const std::string& what) {
  return absl::InvalidArgumentError(fmt::format("{}: {}", file.string(), what));
}

absl::StatusOr<RawBlocks> ReadBlocks(const fs::path& path) {
  const auto text = ReadFile(path.string(), kLargestFileBytes);
  if (!text.ok()) return text.status();
  try {
    const Json json = Json::parse(*text);
    if (json.at("format_version") != kFormatVersion) {
      return Fault(path, fmt::format("format_version {} is not {}, the one this loadgen reads",
                                     json.at("format_version").dump(), kFormatVersion));
    }
    return WithoutRequests(json);
  } catch (const Json::exception& error) {
    return Fault(path, error.what());
  }
}

absl::Status ReadRequests(const fs::path& path, const std::vector<std::size_t>& requests, ResultSet& results) {
  auto text = ReadFile(path.string(), kLargestFileBytes);
  if (!text.ok()) return text.status();
  std::istringstream file(*std::move(text));
  std::vector<std::string> cells;
  std::size_t line = 0;
  if (!ReadCells(file, cells, line) || fmt::format("{}", fmt::join(cells, ",")) != kCsvHeader) {
    return Fault(path, "line 1: expected the names of the columns of a file of requests");
  }
  RequestReader reader(results);
  while (ReadCells(file, cells, line)) {
    if (const std::string fault = reader.Add(cells); !fault.empty()) {
      return Fault(path, fmt::format("line {}: {}", line, fault));
    }
  }
  // A file that was cut off at the end of a line has no fault in any of its lines.
  for (std::size_t i = 0; i < results.blocks.size(); ++i) {
    const Block& block = results.blocks[i];
    if (block.records.size() == requests[i]) continue;
    return Fault(path, fmt::format("block {} has {} requests instead of {}: the file is not whole", i + 1,
                                   block.records.size(), requests[i]));
  }
  return absl::OkStatus();
}

}  // namespace

void WriteRequestsCsv(const ResultSet& results, std::ostream& out) {
  out << kCsvHeader << '\n';
  for (std::size_t number = 0; number < results.blocks.size(); ++number) {
    const Block& block = results.blocks[number];
    const std::string workload = Cell(block.workload);
    const std::string strategy = Cell(block.strategy.name);
    for (const RequestRecord& record : block.records) {
      out << fmt::format("{},{},{},{},{},{},{:.6f},{:.6f},{:.6f},{:.6f},{},{},{},{},{},{},{},{},{}\n", number + 1,
                         workload, strategy, block.repeat, Cell(block.customers[record.customer]),
                         block.Measures(record) ? 1 : 0, ToMilliseconds(record.scheduled), ToMilliseconds(record.sent),
                         ToMilliseconds(record.done), record.latency_ms(), StatusName(record.status_code),
                         record.sequences, record.longest, record.proxy_latency_ms, record.queue_ms, record.service_ms,
                         record.batches, record.batch_share, Cell(record.strategy));
    }
  }
}

std::string BlocksJson(const ResultSet& results) {
  const Provenance& provenance = results.provenance;
  Json environment = Json::array();
  for (const auto& [label, value] : provenance.environment) environment.push_back({label, value});
  Json blocks = Json::array();
  for (const Block& block : results.blocks) blocks.push_back(ToJson(block));
  const Json json = {{"format_version", kFormatVersion},
                     {"verb", provenance.verb},
                     {"target", provenance.target},
                     {"stamp", provenance.stamp},
                     {"started_at", provenance.started_at},
                     {"command", provenance.command},
                     {"text", provenance.text_origin},
                     {"seed", provenance.seed},
                     {"max_dispatch_delay_ms", provenance.max_dispatch_delay_ms},
                     {"environment", environment},
                     {"workloads", provenance.workloads},
                     {"objectives", provenance.objectives},
                     {"cost_model", ToJson(provenance.cost)},
                     {"interrupted", results.interrupted},
                     {"blocks", blocks}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

absl::StatusOr<ResultSet> ReadRawResults(const fs::path& blocks_file) {
  const std::string name = blocks_file.filename().string();
  if (!name.ends_with(kBlocksSuffix)) return Fault(blocks_file, std::string("is not a file *") + kBlocksSuffix);
  absl::StatusOr<RawBlocks> raw = ReadBlocks(blocks_file);
  if (!raw.ok()) return raw.status();
  if (raw->results.blocks.empty()) return Fault(blocks_file, "has no block");
  const std::string stem = name.substr(0, name.size() - std::string(kBlocksSuffix).size());
  absl::Status status = ReadRequests(blocks_file.parent_path() / (stem + kRequestsSuffix), raw->requests, raw->results);
  if (!status.ok()) return status;
  return std::move(raw->results);
}

}  // namespace smartbatch::loadgen
