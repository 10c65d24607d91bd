#include "common/workload/workload_file.h"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/one_line.h"
#include "common/workload/customer_fields.h"
#include "common/workload/expression.h"
#include "common/workload/json_lines.h"

namespace smartbatch::workload {
namespace {

constexpr std::size_t kLargestFileBytes = 16'000'000;
constexpr char kWorkloadFields[] = "name, description, schedule, customers and $schema";

class FileReader {
 public:
  FileReader(const std::string& origin, std::map<std::string, int> lines) : origin_(origin), lines_(std::move(lines)) {}

  absl::StatusOr<Workload> Read(const nlohmann::json& json) {
    if (!json.is_object()) return Wrong("", "it must be an object with the fields " + std::string(kWorkloadFields));
    Workload workload;
    std::optional<Schedule> schedule;
    for (const auto& [key, value] : json.items()) {
      if (key == "customers") continue;
      if (key != "name" && key != "description" && key != "schedule" && key != "$schema") {
        return Wrong(key, absl::StrCat("there is no such field; a workload has ", kWorkloadFields));
      }
      if (!value.is_string()) return Wrong(key, "it must be a text in quotes");
      const auto& text = value.get_ref<const std::string&>();
      if (key == "name") workload.name = text;
      if (key == "description") workload.description = text;
      if (key == "schedule") {
        const absl::StatusOr<Schedule> parsed = ParseSchedule(text);
        if (!parsed.ok()) return Wrong(key, std::string(parsed.status().message()));
        schedule = *parsed;
      }
    }
    if (!IsCustomerName(workload.name)) {
      return Wrong("name", "give the workload a name of 1 to 64 letters, digits, '.', '_' or '-'");
    }
    absl::Status status = ReadCustomers(json, workload);
    if (!status.ok()) return status;
    if (schedule) ApplySchedule(workload, *schedule);
    return workload;
  }

 private:
  absl::Status ReadCustomers(const nlohmann::json& json, Workload& workload) const {
    const auto list = json.find("customers");
    if (list == json.end() || !list->is_array() || list->empty()) {
      return Wrong("customers", "give a list of one or more customers");
    }
    std::set<std::string> names;
    for (std::size_t i = 0; i < list->size(); ++i) {
      const std::string path = absl::StrCat("customers[", i, "]");
      if (absl::Status status = ReadCustomer((*list)[i], path, workload, names); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status ReadCustomer(const nlohmann::json& json, const std::string& path, Workload& workload,
                            std::set<std::string>& names) const {
    if (!json.is_object()) {
      return Wrong(path, R"-(it must be an object such as {"name": "chat", "rate": 20, "length": "lognormal(80,1)"})-");
    }
    std::vector<CustomerField> fields;
    for (const auto& [key, value] : json.items()) {
      if (!value.is_string() && !value.is_number()) {
        return Wrong(absl::StrCat(path, ".", key),
                     absl::StrCat(value.dump(), " is neither a number nor a text in quotes"));
      }
      fields.push_back({key, value.is_string() ? value.get<std::string>() : value.dump()});
    }
    FieldError error;
    const auto customers = CustomersOf(fields, error);
    if (!customers) return Wrong(path + (error.field.empty() ? "" : "." + error.field), error.message);
    for (const CustomerModel& customer : *customers) {
      if (!names.insert(customer.name).second) {
        return Wrong(path + ".name", absl::StrCat("there are two customers '", customer.name, "'; rename one"));
      }
      workload.customers.push_back(customer);
    }
    if (names.size() <= kMostCustomers) return absl::OkStatus();
    return Wrong(path, "with this one there are more than 100000 customers; give fewer");
  }

  // If a field is missing, the line is that of the object that lacks it.
  absl::Status Wrong(const std::string& path, const std::string& message) const {
    auto line = lines_.find(path);
    if (line == lines_.end()) line = lines_.find(path.substr(0, path.find_last_of('.')));
    const int number = line == lines_.end() || path.empty() ? lines_.at("") : line->second;
    return absl::InvalidArgumentError(
        OneLine(absl::StrCat(origin_, ":", number, ": ", path, path.empty() ? "" : ": ", message)));
  }

  const std::string& origin_;
  const std::map<std::string, int> lines_;
};

}  // namespace

absl::StatusOr<Workload> ParseWorkload(const std::string& text, const std::string& origin) {
  absl::StatusOr<std::map<std::string, int>> lines = LinesOfValues(text);
  if (!lines.ok()) return absl::InvalidArgumentError(OneLine(absl::StrCat(origin, ": ", lines.status().message())));
  return FileReader(origin, *std::move(lines)).Read(nlohmann::json::parse(text));
}

absl::StatusOr<Workload> ReadWorkloadFile(const std::string& path) {
  const auto text = ReadFile(path, kLargestFileBytes, FileKind::kAnyStream);
  if (!text.ok()) return text.status();
  if (text->empty())
    return absl::InvalidArgumentError(absl::StrCat(path, " is empty; give the path of a workload file"));
  return ParseWorkload(*text, path);
}

std::string WorkloadJson(const Workload& workload) {
  nlohmann::ordered_json json = {{"name", workload.name}, {"description", workload.description}};
  // One customer a line, however many there are.
  std::string text = json.dump(2);
  text.resize(text.size() - 2);  // without the end of the object
  text += ",\n  \"customers\": [";
  for (const CustomerModel& customer : workload.customers) {
    text += &customer == &workload.customers.front() ? "\n    {" : ",\n    {";
    std::string separator;
    for (const CustomerField& field : FieldsOf(customer)) {
      const bool is_number = field.name != "name" && ParseNumber(field.value).has_value();
      absl::StrAppend(&text, separator, nlohmann::json(field.name).dump(), ": ",
                      is_number ? field.value : nlohmann::json(field.value).dump());
      separator = ", ";
    }
    text += "}";
  }
  return text + "\n  ]\n}\n";
}

}  // namespace smartbatch::workload
