#include "tools/loadgen/traces/public_traces.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "common/workload/customer_fields.h"

namespace smartbatch::loadgen {
namespace {

constexpr char kDefaultCustomer[] = "default";
constexpr std::size_t kLongestName = 64;
// Far beyond any model's context; a larger value shows that the column is the wrong one.
constexpr std::uint64_t kMostTokens = 1'000'000'000;

// A published name as a customer's name: characters that a name may not have become '-'.
std::string CustomerNamed(std::string_view published) {
  std::string name(published.substr(0, kLongestName));
  for (char& character : name) {
    if (!workload::IsCustomerName(std::string(1, character))) character = '-';
  }
  return name.empty() ? kDefaultCustomer : name;
}

std::optional<std::uint64_t> ParseTokens(const std::string& text) {
  std::uint64_t tokens = 0;
  if (!absl::SimpleAtoi(text, &tokens) || tokens > kMostTokens) return std::nullopt;
  return tokens;
}

// A number of seconds or milliseconds since the beginning of a trace.
std::optional<Duration> ParseSince(double units, double seconds_a_unit) {
  if (!(units >= 0) || units * seconds_a_unit * 1e3 > simulation::kLatestMilliseconds) return std::nullopt;
  return FromSeconds(units * seconds_a_unit);
}

// A date and a time of day, with or without a zone; without one it is UTC.
std::optional<Duration> ParseDate(const std::string& text) {
  for (const char* const format : {"%Y-%m-%d %H:%M:%E*S%Ez", "%Y-%m-%d %H:%M:%E*S"}) {
    absl::Time time;
    if (absl::ParseTime(format, text, &time, nullptr)) return Duration(absl::ToUnixNanos(time));
  }
  return std::nullopt;
}

// The columns of a CSV file by the names in its first line. No field of the published traces is in quotes.
class Columns {
 public:
  // The position of each name, whatever its case; the first name that is missing is the error.
  static absl::StatusOr<Columns> Find(const std::string& header, const std::vector<std::string>& names) {
    const std::vector<std::string> found = Split(header);
    Columns columns;
    columns.count_ = found.size();
    for (const std::string& name : names) {
      const auto at = std::find_if(found.begin(), found.end(), [&](const std::string& candidate) {
        return absl::EqualsIgnoreCase(candidate, name);
      });
      if (at == found.end()) {
        return absl::InvalidArgumentError(
            absl::StrCat("line 1: there is no column '", name, "'; give a file whose first line names its columns"));
      }
      columns.positions_.push_back(static_cast<std::size_t>(at - found.begin()));
    }
    return columns;
  }

  // The fields of the columns that were asked for, in that order; nothing if the line has too few or too many fields.
  std::optional<std::vector<std::string>> FieldsOf(const std::string& line) const {
    std::vector<std::string> all = Split(line);
    if (all.size() != count_) return std::nullopt;
    std::vector<std::string> fields;
    for (const std::size_t position : positions_) fields.push_back(std::move(all[position]));
    return fields;
  }

  std::size_t count() const { return count_; }

 private:
  static std::vector<std::string> Split(const std::string& line) {
    std::vector<std::string> fields = absl::StrSplit(line, ',');
    for (std::string& field : fields) absl::StripAsciiWhitespace(&field);
    return fields;
  }

  std::vector<std::size_t> positions_;
  std::size_t count_ = 0;
};

// One request of a file.
struct Entry {
  Duration time{};
  std::string model;  // of kBurstGpt
  std::uint64_t tokens = 0;
};

// What is wrong with the line; nothing if it is right.
using Parse = std::optional<std::string>;

Parse ParseAzure(const std::vector<std::string>& fields, Entry& entry) {
  const auto time = ParseDate(fields[0]);
  if (!time) return absl::StrCat("the time '", fields[0], "' is not of the form 2023-11-16 18:15:46.6805900");
  const auto tokens = ParseTokens(fields[1]);
  if (!tokens) return absl::StrCat("ContextTokens is '", fields[1], "'; it must be from 0 to ", kMostTokens);
  entry = {*time, {}, *tokens};
  return std::nullopt;
}

Parse ParseBurstGpt(const std::vector<std::string>& fields, Entry& entry) {
  double seconds = 0;
  const auto time = absl::SimpleAtod(fields[0], &seconds) ? ParseSince(seconds, 1) : std::nullopt;
  if (!time) return absl::StrCat("Timestamp is '", fields[0], "'; it must be seconds, 0 or more");
  const auto tokens = ParseTokens(fields[2]);
  if (!tokens) return absl::StrCat("Request tokens is '", fields[2], "'; it must be from 0 to ", kMostTokens);
  entry = {*time, fields[1], *tokens};
  return std::nullopt;
}

Parse ParseMooncake(const std::string& line, Entry& entry) {
  const nlohmann::json json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  const std::string expected = R"(such as {"timestamp": 27482, "input_length": 6955})";
  if (!json.is_object()) return "not a JSON object " + expected;
  const auto timestamp = json.find("timestamp");
  const auto time =
      timestamp != json.end() && timestamp->is_number() ? ParseSince(timestamp->get<double>(), 1e-3) : std::nullopt;
  if (!time) return "'timestamp' must be milliseconds, 0 or more, " + expected;
  const auto length = json.find("input_length");
  if (length == json.end() || !length->is_number_unsigned() || length->get<std::uint64_t>() > kMostTokens) {
    return absl::StrCat("'input_length' must be a whole number from 0 to ", kMostTokens, ", ", expected);
  }
  entry = {*time, {}, length->get<std::uint64_t>()};
  return std::nullopt;
}

// The next line without its end; false after the last one.
bool NextLine(std::istream& in, std::string& line) {
  if (!std::getline(in, line)) return false;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return true;
}

}  // namespace

absl::Status TraceConverter::Add(std::istream& in, const TraceSource& source) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  std::optional<Columns> columns;
  std::string line;
  for (std::uint64_t number = 1; NextLine(in, line); ++number) {
    if (number == 1 && line.starts_with(kByteOrderMark)) line.erase(0, kByteOrderMark.size());
    if (number == 1 && source.format != TraceFormat::kMooncake) {
      auto found = source.format == TraceFormat::kAzure ? Columns::Find(line, {"TIMESTAMP", "ContextTokens"})
                                                        : Columns::Find(line, {"Timestamp", "Model", "Request tokens"});
      if (!found.ok()) return found.status();
      columns = *std::move(found);
      continue;
    }
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    Entry entry;
    Parse wrong;
    if (!columns) {
      wrong = ParseMooncake(line, entry);
    } else if (const auto fields = columns->FieldsOf(line)) {
      wrong = source.format == TraceFormat::kAzure ? ParseAzure(*fields, entry) : ParseBurstGpt(*fields, entry);
    } else {
      wrong = absl::StrCat("it must have ", columns->count(), " fields, as the first line has");
    }
    if (wrong) return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", *wrong));
    std::string customer = source.customer;
    if (customer.empty()) customer = entry.model.empty() ? kDefaultCustomer : CustomerNamed(entry.model);
    Take(entry.time, customer, entry.tokens);
  }
  return absl::OkStatus();
}

void TraceConverter::Take(Duration time, const std::string& customer, std::uint64_t length) {
  if (length == 0) {
    ++empty_;
    return;
  }
  if (length > options_.max_length) ++cut_;
  auto known = std::find(customers_.begin(), customers_.end(), customer);
  if (known == customers_.end()) known = customers_.insert(customers_.end(), customer);
  requests_.push_back({time, static_cast<std::uint32_t>(known - customers_.begin()),
                       static_cast<std::uint32_t>(std::min<std::uint64_t>(length, options_.max_length))});
}

absl::StatusOr<simulation::Trace> TraceConverter::Finish() {
  if (requests_.empty()) return absl::InvalidArgumentError("the files hold no request with a token");
  std::stable_sort(requests_.begin(), requests_.end(),
                   [](const Request& left, const Request& right) { return left.time < right.time; });
  simulation::Trace trace;
  trace.customers = customers_;
  for (const Request& request : requests_) {
    const std::array<std::uint32_t, 1> lengths = {request.length};
    trace.Add(Time(request.time - requests_.front().time), request.customer, lengths);
  }
  return trace;
}

}  // namespace smartbatch::loadgen
