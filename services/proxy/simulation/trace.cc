#include "services/proxy/simulation/trace.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "common/file.h"
#include "common/workload/customer_fields.h"

namespace smartbatch::simulation {
namespace {

struct Line {
  bool of_a_decision_log = false;
  bool is_request = true;
  double timestamp_ms = 0;
  std::optional<double> deadline_ms;
  std::string customer;
  std::vector<std::uint32_t> lengths;
};

// Returns what is wrong with the lengths; nothing if they are right.
std::optional<std::string> ParseLengths(const nlohmann::json& json, const TraceLimits& limits,
                                        std::vector<std::uint32_t>& lengths) {
  if (!json.is_array() || json.empty() || json.size() > limits.max_sequences) {
    return absl::StrCat("'lengths' must be a list of 1 to ", limits.max_sequences, " lengths");
  }
  lengths.clear();
  for (const nlohmann::json& length : json) {
    // A list in the list is not shown: it may be as deep as the file is long.
    if (length.is_structured()) return "'lengths' must hold whole numbers, not lists or objects";
    if (!length.is_number_integer() || length.get<std::int64_t>() < 1 ||
        length.get<std::int64_t>() > limits.max_sequence_length) {
      return absl::StrCat("the length ", length.dump(), " must be a whole number from 1 to ",
                          limits.max_sequence_length);
    }
    lengths.push_back(length.get<std::uint32_t>());
  }
  return std::nullopt;
}

// Returns what is wrong with the line; nothing if it is right. Of a line that is no request only that is told.
std::optional<std::string> ParseLine(const std::string& text, const TraceLimits& limits, Line& line) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return "not a JSON object such as {\"timestamp_ms\": 1250.5, \"customer\": \"a\", \"lengths\": [15, 120]}";
  }
  const auto event = json.find("event");
  line.of_a_decision_log = event != json.end();
  line.is_request = !line.of_a_decision_log || *event == "request";
  if (!line.is_request) return std::nullopt;
  const auto timestamp = json.find("timestamp_ms");
  if (timestamp == json.end() || !timestamp->is_number()) return "'timestamp_ms' must be a number of milliseconds";
  line.timestamp_ms = timestamp->get<double>();
  if (!(line.timestamp_ms >= 0) || line.timestamp_ms > kLatestMilliseconds) {
    return absl::StrCat("'timestamp_ms' is ", timestamp->dump(), "; it must be from 0 to ", kLatestMilliseconds);
  }
  line.deadline_ms.reset();
  if (const auto deadline = json.find("deadline_ms"); deadline != json.end()) {
    if (!deadline->is_number()) return "'deadline_ms' must be a number of milliseconds";
    line.deadline_ms = deadline->get<double>();
    if (!(*line.deadline_ms >= 0) || *line.deadline_ms > kLatestMilliseconds) {
      return absl::StrCat("'deadline_ms' is ", deadline->dump(), "; it must be from 0 to ", kLatestMilliseconds);
    }
  }
  const auto customer = json.find("customer");
  if (customer == json.end() || !customer->is_string() ||
      !workload::IsCustomerName(customer->get_ref<const std::string&>())) {
    return "'customer' must be 1 to 64 letters, digits, '.', '_' or '-'";
  }
  line.customer = customer->get<std::string>();
  const auto lengths = json.find("lengths");
  const nlohmann::json none;
  // No copy is made: copying would recurse as deep as the nested lists go.
  return ParseLengths(lengths == json.end() ? none : *lengths, limits, line.lengths);
}

}  // namespace

void Trace::Add(Time time, std::uint32_t customer, std::span<const std::uint32_t> request_lengths, Time deadline) {
  records.push_back({time, customer, static_cast<std::uint32_t>(request_lengths.size()), lengths.size(), deadline});
  lengths.insert(lengths.end(), request_lengths.begin(), request_lengths.end());
}

absl::StatusOr<Trace> ReadTrace(std::istream& in, const TraceLimits& limits) {
  Trace trace;
  absl::flat_hash_map<std::string, std::uint32_t> customers;
  std::string text;
  Line line;
  Duration origin{};
  for (std::uint64_t number = 1; std::getline(in, text); ++number) {
    if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
    std::optional<std::string> wrong = ParseLine(text, limits, line);
    if (!wrong && !line.is_request) continue;
    if (line.of_a_decision_log && trace.records.empty()) origin = FromSeconds(line.timestamp_ms / 1e3);
    const Time time = Time(FromSeconds(line.timestamp_ms / 1e3) - origin);
    if (!wrong && !trace.records.empty() && time < trace.records.back().time) {
      wrong = absl::StrCat("'timestamp_ms' ", line.timestamp_ms, " is before that of the line above; sort the file");
    }
    if (wrong) return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", *wrong));
    const auto [customer, is_new] =
        customers.try_emplace(line.customer, static_cast<std::uint32_t>(trace.customers.size()));
    if (is_new) trace.customers.push_back(line.customer);
    Time deadline = kNever;
    if (line.deadline_ms) deadline = Time(std::max(Duration::zero(), FromSeconds(*line.deadline_ms / 1e3) - origin));
    trace.Add(time, customer->second, line.lengths, deadline);
  }
  if (trace.records.empty()) return absl::InvalidArgumentError("the trace holds no request");
  return trace;
}

absl::StatusOr<Trace> ReadTraceFile(const std::string& path, const TraceLimits& limits) {
  auto text = ReadFile(path, kLargestRecordingBytes, FileKind::kAnyStream);
  if (!text.ok()) return text.status();
  std::istringstream file(*std::move(text));
  absl::StatusOr<Trace> trace = ReadTrace(file, limits);
  if (trace.ok()) return trace;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", trace.status().message()));
}

void WriteTrace(const Trace& trace, std::ostream& out) {
  for (const Trace::Record& record : trace.records) {
    nlohmann::ordered_json json;
    json["timestamp_ms"] = ExactMilliseconds(record.time);
    json["customer"] = trace.customers[record.customer];
    json["lengths"] = trace.LengthsOf(record);
    if (record.deadline != kNever) json["deadline_ms"] = ExactMilliseconds(record.deadline);
    out << json.dump() << '\n';
  }
}

Trace Faster(Trace trace, double speed) {
  for (Trace::Record& record : trace.records) {
    const Time time = Time(FromSeconds(ToSeconds(record.time.time_since_epoch()) / speed));
    if (record.deadline != kNever) record.deadline = Later(time, record.deadline - record.time);
    record.time = time;
  }
  return trace;
}

workload::Workload WorkloadOf(const Trace& trace, const std::string& name, const std::string& description) {
  std::vector<std::shared_ptr<workload::Recording>> recordings;
  for (std::size_t i = 0; i < trace.customers.size(); ++i) {
    recordings.push_back(std::make_shared<workload::Recording>());
  }
  for (const Trace::Record& record : trace.records) {
    workload::Recording& recording = *recordings[record.customer];
    const std::span<const std::uint32_t> lengths = trace.LengthsOf(record);
    recording.times.push_back(record.time);
    recording.counts.push_back(record.count);
    recording.lengths.insert(recording.lengths.end(), lengths.begin(), lengths.end());
  }
  workload::Workload workload{name, description, {}};
  for (std::size_t i = 0; i < trace.customers.size(); ++i) {
    workload::RequestModel requests;
    requests.recording = recordings[i];
    workload.customers.push_back({trace.customers[i], workload::Recorded{recordings[i], 1}, requests});
  }
  return workload;
}

FedRequest TraceFeed::Take() {
  const Trace::Record& record = trace_.records[next_++];
  return {record.time, record.customer, trace_.LengthsOf(record), record.deadline};
}

FedRequest RecordingFeed::Take() {
  const FedRequest request = source_.Take();
  trace_.Add(request.time, request.customer, request.lengths, request.deadline);
  return request;
}

}  // namespace smartbatch::simulation
