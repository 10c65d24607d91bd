#include "common/workload/customer_fields.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/one_line.h"
#include "common/workload/expression.h"
#include "common/workload/model_expressions.h"

namespace smartbatch::workload {
namespace {

constexpr std::size_t kLongestName = 64;
constexpr std::uint32_t kMostSequences = 1024;
constexpr std::uint32_t kLowestTier = 100;
constexpr std::array<const char*, 11> kCustomerFields = {
    "name", "presence", "count", "rate", "arrival", "think", "schedule", "length", "sequences", "weight", "tier"};

// Reads the fields in turn and keeps the first error.
class CustomerReader {
 public:
  explicit CustomerReader(const std::vector<CustomerField>& fields) : fields_(fields) {}

  std::optional<std::vector<CustomerModel>> Read(FieldError& error) {
    if (CheckNames()) {
      ReadName();
      ReadArrivals();
      ReadRequests();
      ReadPolicy();
    }
    if (!error_) return Copies();
    error = *error_;
    return std::nullopt;
  }

 private:
  const std::string* Find(std::string_view name) const {
    const auto found =
        std::find_if(fields_.begin(), fields_.end(), [&](const CustomerField& field) { return field.name == name; });
    return found == fields_.end() ? nullptr : &found->value;
  }
  void Fail(const std::string& field, const std::string& message) {
    if (!error_) error_ = FieldError{field, message};
  }
  void FailValue(const std::string& field, const std::string& right) {
    Fail(field, absl::StrCat("'", *Find(field), "' is not right; give ", right));
  }

  bool CheckNames() {
    for (std::size_t i = 0; i < fields_.size(); ++i) {
      const std::string& name = fields_[i].name;
      if (std::find(kCustomerFields.begin(), kCustomerFields.end(), name) == kCustomerFields.end()) {
        Fail(name, absl::StrCat("there is no such field; a customer has ", absl::StrJoin(kCustomerFields, ", ")));
      }
      if (Find(name) != &fields_[i].value) Fail(name, "it is given twice; give it once");
    }
    return !error_;
  }

  void ReadName() {
    const std::string* const name = Find("name");
    if (name == nullptr) return Fail("", "'name' is missing; give the customer's name");
    customer_.name = *name;
    if (!IsCustomerName(*name)) FailValue("name", "1 to 64 letters, digits, '.', '_' or '-'");
    if (const std::string* const count = Find("count")) {
      const auto value = ParseWhole(*count);
      if (!value || *value < 1 || *value > kMostCustomers) FailValue("count", "a whole number from 1 to 100000");
      count_ = static_cast<int>(std::min<std::uint32_t>(value.value_or(1), kMostCustomers));
      if (!IsCustomerName(NumberedName(*name, count_ - 1))) {
        Fail("name", absl::StrCat("'", *name, "' with a number is longer than 64 characters; give a shorter name"));
      }
    }
  }

  void ReadArrivals() {
    if (Find("think") != nullptr) {
      for (const char* const other : {"rate", "arrival", "presence", "schedule"}) {
        if (Find(other) != nullptr) {
          Fail(other, "a closed loop ('think') sends when it has its answer; leave out this field or 'think'");
        }
      }
      const auto closed = ParseThinkTime(*Find("think"));
      if (!closed) return FailValue("think", kThinkForms);
      customer_.arrivals = *closed;
      return;
    }
    const std::string* const arrival = Find("arrival");
    const auto model = arrival == nullptr ? ArrivalModel(Poisson{}) : ParseArrivalModel(*arrival);
    if (!model) return FailValue("arrival", kArrivalForms);
    customer_.arrivals = *model;
    ReadRate();
    if (const std::string* const text = Find("presence")) {
      const auto presence = ParsePresence(*text);
      if (!presence) return FailValue("presence", kPresenceForms);
      customer_.presence = *presence;
    }
    if (Find("schedule") == nullptr) return;
    const auto schedule = ParseScheduleModel(*Find("schedule"));
    if (!schedule) return FailValue("schedule", kScheduleForms);
    customer_.schedule = *schedule;
  }

  void ReadRate() {
    const std::string* const text = Find("rate");
    if (std::holds_alternative<OnOff>(customer_.arrivals)) {
      if (text != nullptr) Fail("rate", "on_off has rates of its own; leave 'rate' out");
      return;
    }
    if (text == nullptr) {
      return Fail("", "neither 'rate' nor 'think' is given; give requests a second, or a think time for a closed loop");
    }
    const auto rate = ParsePositive(*text);
    if (!rate || *rate > kHighestRate) {
      return FailValue("rate", "a number of requests a second above 0 and up to 1000000");
    }
    if (auto* const constant = std::get_if<ConstantRate>(&customer_.arrivals)) constant->requests_per_second = *rate;
    if (auto* const poisson = std::get_if<Poisson>(&customer_.arrivals)) poisson->requests_per_second = *rate;
    if (auto* const gamma = std::get_if<GammaGaps>(&customer_.arrivals)) gamma->requests_per_second = *rate;
  }

  void ReadRequests() {
    const std::string* const length = Find("length");
    if (length == nullptr) return Fail("", absl::StrCat("'length' is missing; give ", kLengthForms));
    const auto model = ParseLengthModel(*length);
    if (!model) return FailValue("length", kLengthForms);
    customer_.requests.length = *model;
    if (const std::string* const sequences = Find("sequences")) {
      const auto range = ParseRange(*sequences);
      if (!range || range->first < 1 || range->second > kMostSequences) {
        return FailValue("sequences", "a number or a range LOW..HIGH from 1 to 1024, such as 1..5");
      }
      customer_.requests.sequences_minimum = range->first;
      customer_.requests.sequences_maximum = range->second;
    }
  }

  void ReadPolicy() {
    if (const std::string* const text = Find("weight")) {
      const auto weight = ParsePositive(*text);
      if (!weight || *weight > 1e6) return FailValue("weight", "a number above 0 and up to 1000000");
      customer_.weight = *weight;
    }
    if (const std::string* const text = Find("tier")) {
      const auto tier = ParseWhole(*text);
      if (!tier || *tier > kLowestTier) return FailValue("tier", "a whole number from 0 (the highest) to 100");
      customer_.tier = *tier;
    }
  }

  std::vector<CustomerModel> Copies() const {
    std::vector<CustomerModel> customers;
    for (int i = 0; i < std::max(count_, 1); ++i) {
      customers.push_back(customer_);
      if (count_ > 0) customers.back().name = NumberedName(customer_.name, i);
    }
    return customers;
  }

  const std::vector<CustomerField>& fields_;
  CustomerModel customer_;
  int count_ = 0;  // 0: one customer without a number
  std::optional<FieldError> error_;
};

}  // namespace

std::optional<std::vector<CustomerModel>> CustomersOf(const std::vector<CustomerField>& fields, FieldError& error) {
  return CustomerReader(fields).Read(error);
}

std::vector<CustomerField> FieldsOf(const CustomerModel& customer) {
  std::vector<CustomerField> fields = {{"name", customer.name}};
  const auto add_rate = [&](double rate) { fields.push_back({"rate", FormatNumber(rate)}); };
  if (const auto* const constant = std::get_if<ConstantRate>(&customer.arrivals)) {
    add_rate(constant->requests_per_second);
  }
  if (const auto* const poisson = std::get_if<Poisson>(&customer.arrivals)) add_rate(poisson->requests_per_second);
  if (const auto* const gamma = std::get_if<GammaGaps>(&customer.arrivals)) add_rate(gamma->requests_per_second);
  if (const auto* const closed = std::get_if<ClosedLoop>(&customer.arrivals)) {
    fields.push_back({"think", Format(*closed)});
  } else {
    fields.push_back({"arrival", Format(customer.arrivals)});
  }
  if (customer.presence.cycle > Duration()) fields.push_back({"presence", Format(customer.presence)});
  if (!customer.schedule.points.empty()) fields.push_back({"schedule", Format(customer.schedule)});
  const RequestModel& requests = customer.requests;
  fields.push_back({"length", Format(requests.length)});
  fields.push_back({"sequences", requests.sequences_minimum == requests.sequences_maximum
                                     ? absl::StrCat(requests.sequences_minimum)
                                     : absl::StrCat(requests.sequences_minimum, "..", requests.sequences_maximum)});
  if (customer.weight != 1) fields.push_back({"weight", FormatNumber(customer.weight)});
  if (customer.tier != 0) fields.push_back({"tier", absl::StrCat(customer.tier)});
  return fields;
}

absl::StatusOr<std::vector<CustomerModel>> ParseCustomer(const std::string& text) {
  const auto wrong = [&](const std::string& message) {
    return absl::InvalidArgumentError(OneLine(absl::StrCat("--customer '", text, "': ", message)));
  };
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) {
    return wrong("it is not NAME:field=value,..., such as chat:rate=20,length=lognormal(80,1),sequences=1..5");
  }
  std::vector<CustomerField> fields = {{"name", text.substr(0, colon)}};
  for (const std::string& part : SplitOutsideParentheses(text.substr(colon + 1), ',')) {
    const std::size_t equals = part.find('=');
    if (equals == std::string::npos) return wrong(absl::StrCat("'", part, "' is not field=value"));
    const std::string name = part.substr(0, equals);
    fields.push_back({name == "len" ? "length" : name, part.substr(equals + 1)});
  }
  FieldError error;
  auto customers = CustomersOf(fields, error);
  if (customers) return *std::move(customers);
  return wrong(absl::StrCat(error.field, error.field.empty() ? "" : ": ", error.message));
}

absl::StatusOr<Schedule> ParseSchedule(const std::string& text) {
  const std::optional<Schedule> schedule = ParseScheduleModel(text);
  if (schedule) return *schedule;
  return absl::InvalidArgumentError(
      OneLine(absl::StrCat("the schedule '", text, "' is not right; give ", kScheduleForms)));
}

bool IsCustomerName(std::string_view name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kLongestName && std::all_of(name.begin(), name.end(), allowed);
}

}  // namespace smartbatch::workload
