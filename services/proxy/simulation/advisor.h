// Which strategy would have served the last minutes best: the thinking half of a strategy that takes advice.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/inlined_vector.h>
#include <absl/status/statusor.h>

#include "common/time.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/simulation/result.h"
#include "services/proxy/simulation/simulated_backend.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::simulation {

// What is to be small, in the order of the choices of the parameter `objective`.
enum class AdvisorObjective : std::uint8_t { kMean, kP99, kWorstCustomerP99, kFairness, kOnTime };

struct AdvisorOptions {
  AdvisorObjective objective = AdvisorObjective::kMean;
  Duration window = std::chrono::seconds(120);
  Duration memory = std::chrono::seconds(1800);
  Duration interval = std::chrono::seconds(15);
  Duration min_dwell = std::chrono::seconds(60);
  double min_gain = 0.1;
  // A gain counts only if it is more than this many batches account for and has shown in this many windows without a
  // common request: less is chance. Not for operators: tests set them to 0 and 1 to see that chance makes the advice
  // wander.
  double min_gain_batches = 2;
  std::size_t min_windows = 2;

  // The parameters of a strategy that takes advice; nothing for every other strategy.
  static std::optional<AdvisorOptions> For(const scheduling::StrategyChoice& strategy);
};

// The requests that were accepted recently: at most `max_requests`, the oldest forgotten first. Not thread safe.
class RecentArrivals {
 public:
  explicit RecentArrivals(std::size_t max_requests) : max_requests_(max_requests) {}

  // `deadline` is kNever for a caller that sets none.
  void Add(std::string_view customer, std::span<const std::uint32_t> lengths, Time deadline, Time now);
  // The requests not before `since`, with times counted from the first of them.
  Trace Since(Time since) const;
  void Clear() { arrivals_.clear(); }

 private:
  struct Arrival {
    Time time{};
    Time deadline = kNever;
    std::string customer;
    absl::InlinedVector<std::uint32_t, 5> lengths;
  };

  std::size_t max_requests_;
  std::deque<Arrival> arrivals_;
};

// What the arrivals are replayed against.
struct ReplaySetting {
  scheduling::SchedulerOptions scheduler;
  std::vector<SimulatedBackend> backends;
  std::map<std::string, scheduling::CustomerPolicy> customers;
};

// Removes the limits on the queue, so that a strategy that does not keep up shows it in its latency.
scheduling::SchedulerOptions WithoutQueueLimits(scheduling::SchedulerOptions options);
// A backend whose batches cost what they are believed to cost.
SimulatedBackend BelievedBackend(const std::string& name, std::uint32_t slots, const CostModel& cost);
// The backends and options of a scheduler as they are believed to be now.
ReplaySetting SettingOf(const scheduling::Scheduler& scheduler);

struct Advice {
  bool change = false;
  std::string strategy;  // to follow from now on
  double gain = 0;       // predicted, as a share of the objective; 0 if nothing is better
  std::string reason;    // in a sentence
  // By strategy, in ms (kFairness: seconds; kOnTime: the share of requests that are late); smaller is better.
  std::map<std::string, double> scores;
};

// Gives advice at intervals. Each time it replays the last window under every strategy, and judges the strategies by
// all the windows of the last `memory`: by the mean over the windows, each weighted by its requests, or for the gap,
// which is a maximum itself, by the largest. A strategy that looks a little better in a quiet window may be the one
// that fails in the next flood: following the best of the last two minutes alone made the tail of a changing workload
// up to four times that of the best single strategy. The largest of the windows' tails, which was tried too, is one
// request's bad luck: it made the worst customer's tail twice that of the best. (To follow the leader in hindsight:
// Hannan, "Approximation to Bayes risk in repeated play", 1957.)
//
// A change is advised once the best strategy has a material gain by all that is remembered and, alone, in two windows
// that have no request in common, so that no single event brings a change about. A gain is material if it is a share
// min_gain of the objective and more than two batches account for: the time of the longest for the gap between
// counters, of the mean one for a percentile, its sequences for the share that is late; a mean over requests has no
// such grain. Whichever strategy decides, counters move by whole batches and a request may have just missed one; at
// light load there is little else. A change is not taken back before min_dwell. Not thread safe.
class Advisor {
 public:
  explicit Advisor(const AdvisorOptions& options) : options_(options) {}

  const AdvisorOptions& options() const { return options_; }

  // Replays the requests, those of the last window, under every strategy that may be followed. Takes some microseconds
  // of CPU a request and strategy. With fewer than kFewestRequests nothing is changed. Fails only if the setting is
  // wrong.
  absl::StatusOr<Advice> Consider(const Trace& recent, const ReplaySetting& setting, std::string_view following,
                                  Time now);

  static constexpr std::size_t kFewestRequests = 50;

 private:
  // The objective under a strategy, and how much of it one batch accounts for.
  struct Score {
    double value = 0;
    double batch = 0;
  };
  using Scores = std::map<std::string, Score>;
  struct Window {
    Time time{};
    std::size_t requests = 0;
    Scores scores;
  };

  static Score ScoreOf(const Result& result, AdvisorObjective objective);
  absl::StatusOr<Scores> Replay(Trace recent, const ReplaySetting& setting) const;
  void Remember(Window window);
  // The scores over all the windows that are remembered.
  Scores Judge() const;
  bool IsMaterial(const Scores& scores, const std::string& from, const std::string& to) const;
  bool HasShown(const std::string& from, const std::string& to) const;

  const AdvisorOptions options_;
  // At least the last one. The windows of the last `memory` count, and one that shows a gain may be as old as two
  // windows.
  std::deque<Window> windows_;
  Time last_change_ = Time::min();
};

}  // namespace smartbatch::simulation
