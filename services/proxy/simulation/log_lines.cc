#include "services/proxy/simulation/log_lines.h"

#include <cmath>
#include <limits>
#include <string_view>

#include <absl/strings/str_cat.h>
#include <nlohmann/json.hpp>

#include "common/one_line.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::simulation::log_lines {
namespace {

using Json = nlohmann::ordered_json;

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

// --- Writing ---

Json CostJson(const CostModel& cost) {
  return {{"fixed", cost.fixed},
          {"quadratic", cost.quadratic},
          {"per_sequence", cost.per_sequence},
          {"per_character", cost.per_character},
          {"per_character_squared", cost.per_character_squared},
          {"knee", cost.knee}};
}

using Customers = std::map<std::string, scheduling::CustomerPolicy>;

void AddSettings(const scheduling::SchedulerOptions& options, const Customers& policies, Json& json) {
  Json customers = Json::array();
  for (const auto& [name, policy] : policies) {
    Json customer = {{"customer", name}, {"weight", policy.weight}, {"tier", policy.tier}};
    if (policy.latency_objective) customer["latency_objective_ms"] = ToMilliseconds(*policy.latency_objective);
    customers.push_back(std::move(customer));
  }
  json["customers"] = std::move(customers);
  json["max_batch_size"] = options.max_batch_size;
  json["max_attempts"] = options.max_attempts;
  json["retry_budget"] = options.retry_budget;
  json["max_consecutive_errors"] = options.backends.max_consecutive_errors;
  json["slow_factor"] = options.backends.slow_factor;
  json["max_idle_accounts"] = options.max_idle_accounts;
  json["learn_costs"] = options.learn_costs;
  json["costs_are_assumed"] = options.backends.costs_are_assumed;
  json["batch_timeout_ms"] = ToMilliseconds(options.batch_timeout_minimum);
  if (options.latency_objective != Duration::max()) {
    json["latency_objective_ms"] = ToMilliseconds(options.latency_objective);
  }
  json["pause_minimum_ms"] = ToMilliseconds(options.backends.pause_minimum);
  json["pause_maximum_ms"] = ToMilliseconds(options.backends.pause_maximum);
  json["unavailable_after_ms"] = ToMilliseconds(options.backends.unavailable_after);
  json["seed"] = options.backends.seed;
}

Json StartJson(const Start& start) {
  Json json = {{"event", "start"},
               {"schema_version", kSchemaVersion},
               {"strategy", start.strategy.name},
               {"parameters", start.strategy.parameters}};
  AddSettings(start.options, start.customers, json);
  return json;
}

Json RequestJson(const RequestAccepted& accepted) {
  Json json = {{"event", "request"},
               {"timestamp_ms", ExactMilliseconds(accepted.time)},
               {"request", accepted.request},
               {"customer", accepted.customer},
               {"lengths", accepted.lengths}};
  if (accepted.deadline != kNever) json["deadline_ms"] = ExactMilliseconds(accepted.deadline);
  if (accepted.kind != 0) json["kind"] = accepted.kind;
  return json;
}

Json BatchJson(const BatchSent& sent) {
  Json members = Json::array();
  for (const auto& [request, sequence] : sent.members) members.push_back({request, sequence});
  return {{"event", "batch"},        {"time_ms", ExactMilliseconds(sent.time)},
          {"batch", sent.batch},     {"strategy", sent.strategy},
          {"backend", sent.backend}, {"members", std::move(members)},
          {"longest", sent.longest}, {"cost_seconds", sent.cost_seconds},
          {"reason", sent.reason}};
}

// --- Reading: exceptions of the library end at ParseLine ---

constexpr double kLeastAboveZero = std::numeric_limits<double>::denorm_min();
constexpr double kLargest = std::numeric_limits<double>::max();

// The library casts a number to the type that is asked for: a number that does not fit would become another one.
template <class Integer>
Integer Whole(const Json& json, Integer least = 0, Integer most = std::numeric_limits<Integer>::max()) {
  if (json.is_number_unsigned()) {
    const auto value = json.get<std::uint64_t>();
    if (value >= least && value <= most) return static_cast<Integer>(value);
  }
  throw std::invalid_argument(absl::StrCat("a number must be whole and from ", least, " to ", most));
}
double Within(const Json& json, double least, double most) {
  const double value = json.get<double>();
  if (value >= least && value <= most) return value;
  throw std::invalid_argument(absl::StrCat(value, " is not from ", least, " to ", most));
}

Time TimeOf(const Json& json, const char* field = "time_ms") {
  return Time(Duration(std::llround(Within(json.at(field), 0, kLatestMilliseconds) * 1e6)));
}
Duration DurationOf(const Json& json, const char* field) {
  constexpr double kLongestPauseMs = 3'600'000;
  return FromSeconds(Within(json.at(field), 0, kLongestPauseMs) / 1e3);
}

Duration ObjectiveOf(const Json& json) {
  return FromSeconds(Within(json.at("latency_objective_ms"), kLeastAboveZero, kLatestMilliseconds) / 1e3);
}

absl::StatusCode StatusCodeOf(const std::string& text) {
  constexpr int kCodes = 17;
  for (int code = 0; code < kCodes; ++code) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(code)) == text) {
      return static_cast<absl::StatusCode>(code);
    }
  }
  return absl::StatusCode::kUnknown;
}

scheduling::Outcome OutcomeOf(const std::string& text) {
  for (int i = 0; i < scheduling::kOutcomes; ++i) {
    const auto outcome = static_cast<scheduling::Outcome>(i);
    if (scheduling::Name(outcome) == text) return outcome;
  }
  throw std::invalid_argument("unknown outcome '" + text + "'");
}

scheduling::StrategyChoice ChoiceOf(const Json& json) {
  return {json.at("strategy"), json.at("parameters").get<std::map<std::string, std::string>>()};
}

scheduling::SchedulerOptions OptionsOf(const Json& json) {
  scheduling::SchedulerOptions options;
  options.max_batch_size = Whole<std::uint32_t>(json.at("max_batch_size"));
  options.max_attempts = Whole<std::uint32_t>(json.at("max_attempts"));
  options.retry_budget = Within(json.at("retry_budget"), 0, kLargest);
  options.backends.max_consecutive_errors = Whole<std::uint32_t>(json.at("max_consecutive_errors"));
  options.backends.slow_factor = Within(json.at("slow_factor"), 0, kLargest);
  options.max_idle_accounts = Whole<std::size_t>(json.at("max_idle_accounts"));
  options.learn_costs = json.at("learn_costs");
  // Logs of earlier versions have none of these.
  options.backends.costs_are_assumed = json.value("costs_are_assumed", false);
  if (json.contains("batch_timeout_ms")) options.batch_timeout_minimum = DurationOf(json, "batch_timeout_ms");
  if (json.contains("latency_objective_ms")) options.latency_objective = ObjectiveOf(json);
  options.backends.pause_minimum = DurationOf(json, "pause_minimum_ms");
  options.backends.pause_maximum = DurationOf(json, "pause_maximum_ms");
  options.backends.unavailable_after = DurationOf(json, "unavailable_after_ms");
  options.backends.seed = Whole<std::uint64_t>(json.at("seed"));
  return options;
}

Customers CustomersOf(const Json& json) {
  Customers customers;
  for (const Json& customer : json.at("customers")) {
    const double weight = Within(customer.at("weight"), kLeastAboveZero, kLargest);
    scheduling::CustomerPolicy policy{weight, Whole<std::uint32_t>(customer.at("tier"))};
    if (customer.contains("latency_objective_ms")) policy.latency_objective = ObjectiveOf(customer);
    customers[customer.at("customer")] = policy;
  }
  return customers;
}

Start ParseStart(const Json& json) {
  if (json.at("schema_version") != kSchemaVersion) {
    throw std::invalid_argument(absl::StrCat("schema_version must be ", kSchemaVersion));
  }
  Start start;
  start.options = OptionsOf(json);
  start.customers = CustomersOf(json);
  start.strategy = ChoiceOf(json);
  return start;
}

BackendAdded ParseBackendAdded(const Json& json) {
  const Json& cost = json.at("cost");
  const auto term = [&](const char* name) { return Within(cost.at(name), 0, kLargest); };
  CostModel model{term("fixed"), term("quadratic"), term("per_sequence"), term("per_character")};
  // Logs of earlier versions have neither.
  if (cost.contains("per_character_squared")) model.per_character_squared = term("per_character_squared");
  if (cost.contains("knee")) model.knee = Within(cost.at("knee"), 1, CostModel::kLargestKnee);
  // The scheduler sums the cost of all that waits in nanoseconds.
  if (!(model.Alone(scheduling::kLongestSequence) <= 1e9)) {
    throw std::invalid_argument("a sequence would cost more than 1e9 seconds");
  }
  return {Whole<scheduling::BackendId>(json.at("backend")), json.at("name"), Whole<std::uint32_t>(json.at("slots"), 1),
          model};
}

RequestAccepted ParseRequest(const Json& json) {
  RequestAccepted accepted{
      TimeOf(json, "timestamp_ms"), Whole<std::uint64_t>(json.at("request")), json.at("customer"), {}, kNever};
  for (const Json& length : json.at("lengths")) {
    accepted.lengths.push_back(Whole<std::uint32_t>(length, 1, scheduling::kLongestSequence));
  }
  if (json.contains("deadline_ms")) accepted.deadline = TimeOf(json, "deadline_ms");
  if (json.contains("kind")) accepted.kind = Whole<std::uint32_t>(json.at("kind"));
  return accepted;
}

BatchSent ParseBatch(const Json& json) {
  BatchSent sent{TimeOf(json),
                 Whole<scheduling::BatchId>(json.at("batch")),
                 json.at("strategy"),
                 Whole<scheduling::BackendId>(json.at("backend")),
                 {},
                 Whole<std::uint32_t>(json.at("longest")),
                 json.at("cost_seconds"),
                 json.at("reason")};
  for (const Json& member : json.at("members")) {
    sent.members.emplace_back(Whole<std::uint64_t>(member.at(0)), Whole<std::uint32_t>(member.at(1)));
  }
  return sent;
}

Event ParseEvent(const Json& json) {
  const std::string event = json.at("event");
  if (event == "start") return ParseStart(json);
  if (event == "backend_added") return ParseBackendAdded(json);
  if (event == "backend_removed") return BackendRemoved{Whole<scheduling::BackendId>(json.at("backend"))};
  if (event == "backend_slots") {
    return BackendSlots{Whole<scheduling::BackendId>(json.at("backend")), Whole<std::uint32_t>(json.at("slots"), 1)};
  }
  if (event == "backend_held_back") {
    return BackendHeldBack{Whole<scheduling::BackendId>(json.at("backend")), json.at("held_back")};
  }
  if (event == "backend_health")
    return BackendHealth{TimeOf(json), Whole<scheduling::BackendId>(json.at("backend")), json.at("healthy")};
  if (event == "request") return ParseRequest(json);
  if (event == "batch") return ParseBatch(json);
  if (event == "batch_ended") {
    return BatchEnded{TimeOf(json), Whole<scheduling::BatchId>(json.at("batch")), StatusCodeOf(json.at("status")),
                      json.value("fell", false)};
  }
  if (event == "ended") {
    return RequestEnded{TimeOf(json), Whole<std::uint64_t>(json.at("request")), OutcomeOf(json.at("outcome"))};
  }
  if (event == "strategy") return StrategySet{ChoiceOf(json)};
  if (event == "follows") return Follows{json.at("strategy")};
  if (event == "reconfigured") return Reconfigured{OptionsOf(json), CustomersOf(json)};
  if (event == "asked") return Asked{TimeOf(json)};
  if (event == "dropped") return Dropped{Whole<std::uint64_t>(json.at("lines"))};
  throw std::invalid_argument("unknown event '" + event + "'");
}

}  // namespace

std::optional<Time> TimeOf(const Event& event) {
  return std::visit(
      [](const auto& told) -> std::optional<Time> {
        if constexpr (requires { told.time; }) return told.time;
        return std::nullopt;
      },
      event);
}

BatchSent Sent(const scheduling::Batch& batch, Time origin) {
  BatchSent sent{Time(batch.dispatched - origin),
                 batch.id,
                 std::string(batch.strategy),
                 batch.backend,
                 {},
                 batch.longest,
                 batch.predicted_seconds,
                 std::string(scheduling::Name(batch.reason))};
  for (const scheduling::BatchMember& member : batch.members) {
    sent.members.emplace_back(member.request.number - 1, member.sequence);
  }
  return sent;
}

std::string Line(const Event& event) {
  const Json json = std::visit(
      Overloaded{
          [](const Start& start) { return StartJson(start); },
          [](const BackendAdded& added) -> Json {
            return {{"event", "backend_added"},
                    {"backend", added.backend},
                    {"name", added.name},
                    {"slots", added.slots},
                    {"cost", CostJson(added.cost)}};
          },
          [](const BackendRemoved& removed) -> Json {
            return {{"event", "backend_removed"}, {"backend", removed.backend}};
          },
          [](const BackendSlots& changed) -> Json {
            return {{"event", "backend_slots"}, {"backend", changed.backend}, {"slots", changed.slots}};
          },
          [](const BackendHeldBack& held) -> Json {
            return {{"event", "backend_held_back"}, {"backend", held.backend}, {"held_back", held.held_back}};
          },
          [](const BackendHealth& health) -> Json {
            return {{"event", "backend_health"},
                    {"time_ms", ExactMilliseconds(health.time)},
                    {"backend", health.backend},
                    {"healthy", health.healthy}};
          },
          [](const RequestAccepted& accepted) { return RequestJson(accepted); },
          [](const BatchSent& sent) { return BatchJson(sent); },
          [](const BatchEnded& ended) -> Json {
            Json end = {{"event", "batch_ended"},
                        {"time_ms", ExactMilliseconds(ended.time)},
                        {"batch", ended.batch},
                        {"status", absl::StatusCodeToString(ended.status)}};
            if (ended.fell) end["fell"] = true;
            return end;
          },
          [](const RequestEnded& ended) -> Json {
            return {{"event", "ended"},
                    {"time_ms", ExactMilliseconds(ended.time)},
                    {"request", ended.request},
                    {"outcome", std::string(scheduling::Name(ended.outcome))}};
          },
          [](const StrategySet& set) -> Json {
            return {{"event", "strategy"}, {"strategy", set.strategy.name}, {"parameters", set.strategy.parameters}};
          },
          [](const Follows& follows) -> Json {
            return {{"event", "follows"}, {"strategy", follows.strategy}};
          },
          [](const Reconfigured& reconfigured) {
            Json reload = {{"event", "reconfigured"}};
            AddSettings(reconfigured.options, reconfigured.customers, reload);
            return reload;
          },
          [](const Asked& asked) -> Json {
            return {{"event", "asked"}, {"time_ms", ExactMilliseconds(asked.time)}};
          },
          [](const Dropped& dropped) -> Json {
            return {{"event", "dropped"}, {"lines", dropped.lines}};
          },
      },
      event);
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Event> ParseLine(const std::string& line) {
  try {
    return ParseEvent(Json::parse(line));
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(OneLine(absl::StrCat("not a line of a decision log: ", error.what())));
  }
}

}  // namespace smartbatch::simulation::log_lines
