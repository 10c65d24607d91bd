#include "services/proxy/simulation/advisor.h"

#include <algorithm>

#include <absl/container/flat_hash_map.h>
#include <absl/strings/str_format.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/simulation.h"

namespace smartbatch::simulation {
namespace {

// A customer with fewer requests has no percentile to speak of.
constexpr std::uint64_t kFewestRequestsOfCustomer = 20;

// The highest of these that enough requests stand above. The slowest of a few requests is chance: judged by it, the
// worst customer's tail became five times that of the best single strategy.
double TailOf(const LatencyFigures& latency_ms) {
  if (latency_ms.p99) return *latency_ms.p99;
  return latency_ms.p90.value_or(latency_ms.mean);
}

const char* Describe(AdvisorObjective objective) {
  switch (objective) {
    case AdvisorObjective::kMean:
      return "mean latency in ms";
    case AdvisorObjective::kP99:
      return "99th percentile in ms";
    case AdvisorObjective::kWorstCustomerP99:
      return "worst customer's 99th percentile in ms";
    case AdvisorObjective::kFairness:
      return "gap between customers' counters in s";
    case AdvisorObjective::kOnTime:
      return "share of requests that are late";
  }
  return "";
}

}  // namespace

std::optional<AdvisorOptions> AdvisorOptions::For(const scheduling::StrategyChoice& strategy) {
  const auto checked = scheduling::CheckChoice(strategy);
  if (!checked.ok() || !checked->specification->takes_advice) return std::nullopt;
  const scheduling::Parameters& parameters = checked->parameters;
  AdvisorOptions options;
  options.objective = static_cast<AdvisorObjective>(static_cast<int>(parameters["objective"]));
  options.window = FromSeconds(parameters["window_seconds"]);
  options.memory = FromSeconds(parameters["memory_seconds"]);
  options.interval = FromSeconds(parameters["interval_seconds"]);
  options.min_dwell = FromSeconds(parameters["min_dwell_seconds"]);
  options.min_gain = parameters["min_gain"];
  return options;
}

void RecentArrivals::Add(std::string_view customer, std::span<const std::uint32_t> lengths, Time deadline, Time now) {
  if (arrivals_.size() >= max_requests_) arrivals_.pop_front();
  Arrival& arrival = arrivals_.emplace_back();
  arrival.time = now;
  arrival.deadline = deadline;
  arrival.customer = std::string(customer);
  arrival.lengths.assign(lengths.begin(), lengths.end());
}

Trace RecentArrivals::Since(Time since) const {
  Trace trace;
  absl::flat_hash_map<std::string, std::uint32_t> places;
  Time first{};
  for (const Arrival& arrival : arrivals_) {
    if (arrival.time < since) continue;
    if (trace.records.empty()) first = arrival.time;
    const auto [place, is_new] =
        places.try_emplace(arrival.customer, static_cast<std::uint32_t>(trace.customers.size()));
    if (is_new) trace.customers.push_back(arrival.customer);
    const Time deadline = arrival.deadline == kNever ? kNever : Time(arrival.deadline - first);
    trace.Add(Time(arrival.time - first), place->second, arrival.lengths, deadline);
  }
  return trace;
}

scheduling::SchedulerOptions WithoutQueueLimits(scheduling::SchedulerOptions options) {
  const scheduling::SchedulerOptions unlimited = UnlimitedQueue();
  options.max_queued_requests = unlimited.max_queued_requests;
  options.max_queued_requests_per_customer = unlimited.max_queued_requests_per_customer;
  options.max_queued_bytes = unlimited.max_queued_bytes;
  options.max_queued_bytes_per_customer = unlimited.max_queued_bytes_per_customer;
  options.max_queued_cost = unlimited.max_queued_cost;
  options.max_queued_cost_per_customer = unlimited.max_queued_cost_per_customer;
  return options;
}

SimulatedBackend BelievedBackend(const std::string& name, std::uint32_t slots, const CostModel& cost) {
  SimulatedBackend backend;
  backend.name = name;
  backend.slots = slots;
  backend.believed_cost = cost;
  backend.true_cost = cost;
  return backend;
}

ReplaySetting SettingOf(const scheduling::Scheduler& scheduler) {
  ReplaySetting setting;
  setting.scheduler = WithoutQueueLimits(scheduler.options());
  for (const scheduling::Backend& backend : scheduler.backends().backends()) {
    if (!backend.removed) setting.backends.push_back(BelievedBackend(backend.name, backend.slots, backend.cost));
  }
  scheduler.customers().ForEach([&](const scheduling::Customer& customer) {
    if (customer.configured) setting.customers[customer.name] = customer.policy;
  });
  return setting;
}

Advisor::Score Advisor::ScoreOf(const Result& result, AdvisorObjective objective) {
  const double mean_batch_ms = 1e3 * result.batch_seconds_mean;
  switch (objective) {
    case AdvisorObjective::kMean:
      return {result.latency_ms.mean, 0};
    case AdvisorObjective::kP99:
      return {TailOf(result.latency_ms), mean_batch_ms};
    case AdvisorObjective::kWorstCustomerP99: {
      double worst = 0;
      for (const CustomerResult& customer : result.customers) {
        if (customer.requests >= kFewestRequestsOfCustomer) worst = std::max(worst, TailOf(customer.latency_ms));
      }
      return {worst, mean_batch_ms};
    }
    case AdvisorObjective::kFairness:
      return {result.fairness_gap_seconds, result.batch_seconds_longest};
    case AdvisorObjective::kOnTime:
      // A batch answers at most as many requests as it has sequences.
      return {1 - result.on_time_share, result.batch_sequences_mean / static_cast<double>(result.outcomes.offered)};
  }
  return {};
}

absl::StatusOr<Advisor::Scores> Advisor::Replay(Trace recent, const ReplaySetting& setting) const {
  // Latencies are compared over the same requests: none may expire under one strategy and be slow under another.
  if (options_.objective != AdvisorObjective::kOnTime) {
    for (Trace::Record& record : recent.records) record.deadline = kNever;
  }
  Scores scores;
  for (const scheduling::StrategySpecification& candidate : scheduling::AllStrategies()) {
    if (!MayBeFollowed(candidate)) continue;
    TraceFeed feed(recent);
    SimulationOptions options;
    options.scheduler = setting.scheduler;
    options.scheduler.backends.costs_are_assumed = false;  // the backends of the replay take what they are believed to
    options.strategy = {candidate.name, {}};
    options.backends = setting.backends;
    options.customers = setting.customers;
    options.warmup_share = 0;
    const absl::StatusOr<Result> result = Simulate(feed, options);
    if (!result.ok()) return result.status();
    scores[candidate.name] = ScoreOf(*result, options_.objective);
  }
  return scores;
}

void Advisor::Remember(Window window) {
  const Time now = window.time;
  windows_.push_back(std::move(window));
  const Duration kept = std::max(options_.memory, 2 * options_.window);
  while (windows_.size() > 1 && now - windows_.front().time > kept) windows_.pop_front();
}

Advisor::Scores Advisor::Judge() const {
  const Time since = windows_.back().time - options_.memory;
  double requests = 0;
  for (const Window& window : windows_) requests += window.time >= since ? static_cast<double>(window.requests) : 0;
  Scores judged;
  for (const Window& window : windows_) {
    if (window.time < since) continue;
    const double share = static_cast<double>(window.requests) / requests;
    for (const auto& [strategy, score] : window.scores) {
      Score& sum = judged[strategy];
      const bool largest = options_.objective == AdvisorObjective::kFairness;
      sum.value = largest ? std::max(sum.value, score.value) : sum.value + share * score.value;
      sum.batch = largest ? std::max(sum.batch, score.batch) : sum.batch + share * score.batch;
    }
  }
  return judged;
}

bool Advisor::IsMaterial(const Scores& scores, const std::string& from, const std::string& to) const {
  const Score& now = scores.at(from);
  const double gain = now.value - scores.at(to).value;
  return gain >= options_.min_gain * now.value && gain > options_.min_gain_batches * now.batch;
}

bool Advisor::HasShown(const std::string& from, const std::string& to) const {
  std::size_t shown = 0;
  Time last{};
  for (const Window& window : windows_) {
    // A window that begins before the last one ended shares requests with it.
    if (shown > 0 && window.time - last < options_.window) continue;
    if (!IsMaterial(window.scores, from, to)) continue;
    last = window.time;
    if (++shown >= options_.min_windows) return true;
  }
  return false;
}

absl::StatusOr<Advice> Advisor::Consider(const Trace& recent, const ReplaySetting& setting, std::string_view following,
                                         Time now) {
  Advice advice;
  advice.strategy = std::string(following);
  if (recent.records.size() < kFewestRequests || setting.backends.empty()) {
    advice.reason =
        absl::StrFormat("%d requests in the window are too few to compare strategies", recent.records.size());
    return advice;
  }
  absl::StatusOr<Scores> replayed = Replay(recent, setting);
  if (!replayed.ok()) return replayed.status();
  Remember({now, recent.records.size(), *std::move(replayed)});
  const Scores scores = Judge();
  for (const auto& [strategy, score] : scores) advice.scores[strategy] = score.value;

  const auto best = std::min_element(advice.scores.begin(), advice.scores.end(),
                                     [](const auto& left, const auto& right) { return left.second < right.second; });
  const double now_score = advice.scores[advice.strategy];
  advice.gain = now_score > 0 ? 1 - best->second / now_score : 0;
  advice.reason = absl::StrFormat("%s over the last %d requests and %d windows before: %s %.4g, %s %.4g",
                                  Describe(options_.objective), recent.records.size(), windows_.size() - 1,
                                  advice.strategy, now_score, best->first, best->second);
  const bool may_change = last_change_ == Time::min() || now - last_change_ >= options_.min_dwell;
  if (!may_change || !IsMaterial(scores, advice.strategy, best->first) || !HasShown(advice.strategy, best->first)) {
    return advice;
  }
  advice.change = true;
  advice.strategy = best->first;
  last_change_ = now;
  return advice;
}

}  // namespace smartbatch::simulation
