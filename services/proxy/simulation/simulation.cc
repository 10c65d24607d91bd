#include "services/proxy/simulation/simulation.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <variant>

#include <absl/strings/str_cat.h>

#include "common/random.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/proxy/simulation/advisor.h"
#include "services/proxy/simulation/collector.h"
#include "services/proxy/simulation/published/published_policies.h"

namespace smartbatch::simulation {
namespace {

using scheduling::BatchId;
using scheduling::RequestId;

constexpr std::uint64_t kUnlimited = 100'000'000;
constexpr std::uint64_t kOffersBetweenCalls = 8192;
constexpr std::size_t kMostRecentArrivals = 20'000;
// A stream that the workloads, which draw from the same seed, do not use.
constexpr std::uint64_t kImpatienceStream = 0x1A9'A71E'0000ULL;

absl::Status CheckShare(absl::string_view name, double share, double below) {
  if (share >= 0 && share <= below) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, " is ", share, "; give a share from 0 to ", below));
}

absl::Status Validate(const SimulationOptions& options) {
  if (options.backends.empty()) return absl::InvalidArgumentError("there is no backend; give 1 or more");
  for (const SimulatedBackend& backend : options.backends) {
    if (absl::Status status = backend.Validate(); !status.ok()) return status;
  }
  const auto earlier = [](const StrategySwitch& left, const StrategySwitch& right) { return left.time < right.time; };
  if (!std::is_sorted(options.switches.begin(), options.switches.end(), earlier)) {
    return absl::InvalidArgumentError("the switches of strategy must be in order of time");
  }
  if (absl::Status status = CheckShare("cancel_share", options.impatience.cancel_share, 1); !status.ok()) return status;
  if (absl::Status status = CheckShare("deadline_share", options.impatience.deadline_share, 1); !status.ok()) {
    return status;
  }
  return CheckShare("warmup_share", options.warmup_share, 0.9);
}

class Simulation {
 public:
  Simulation(ArrivalFeed& feed, const SimulationOptions& options, std::unique_ptr<scheduling::Scheduler> scheduler)
      : feed_(feed),
        options_(options),
        scheduler_(std::move(scheduler)),
        collector_(feed, static_cast<std::uint64_t>(options.warmup_share * static_cast<double>(feed.requests())),
                   *scheduler_, options.backends.front().true_cost),
        random_(Random::Stream(options.seed, kImpatienceStream)) {
    for (std::size_t i = 0; i < options.backends.size(); ++i) {
      const SimulatedBackend& backend = options.backends[i];
      backends_.emplace_back(backend, options.seed, i);
      scheduler_->AddBackend(backend.name, backend.slots, backend.believed_cost);
      slots_ += backend.slots;
    }
    for (const auto& [name, policy] : options.customers) scheduler_->ConfigureCustomer(name, policy);
  }

  absl::StatusOr<Result> Run() {
    const scheduling::StrategyChoice strategy = scheduler_->strategy();
    FindAdvisor();
    for (;;) {
      const Time next = NextEvent();
      if (next == kNever) break;
      now_ = next;
      EndBatches();
      PassDeadlines();
      GiveUp();
      if (absl::Status status = SwitchStrategy(); !status.ok()) return status;
      if (absl::Status status = Advise(); !status.ok()) return status;
      if (absl::Status status = TakeArrivals(); !status.ok()) return status;
      if (absl::Status status = StartBatches(); !status.ok()) return status;
      next_tick_ = scheduler_->NextTick(now_);
    }
    const std::uint64_t left = scheduler_->pending().unfinished_requests();
    if (left > 0) {
      return absl::InternalError(absl::StrCat("strategy '", scheduler_->strategy().name, "' leaves ", left,
                                              " requests waiting although a backend is free"));
    }
    Result result = collector_.Finish(feed_, slots_, options_.poisson_arrivals);
    result.strategy = strategy;
    return result;
  }

 private:
  struct Running {
    BatchId id = 0;
    Time start{};
    SimulatedEnd ending;
  };
  // What the simulation knows about the request in a slot of the pending set.
  struct LiveRequest {
    std::uint64_t number = 0;
    std::uint32_t customer = 0;
  };
  struct Cancellation {
    Time time{};
    RequestId id;
    // Later first, as std::push_heap needs it.
    friend bool operator<(const Cancellation& left, const Cancellation& right) {
      return left.time != right.time ? left.time > right.time : left.id > right.id;
    }
  };

  Time NextEvent() const {
    Time next = std::min(feed_.NextTime(), std::min(ask_again_, next_tick_));
    for (const Running& batch : running_) next = std::min(next, batch.ending.end);
    // When everything has ended only a new request matters.
    if (next == kNever && scheduler_->pending().unfinished_requests() == 0) return kNever;
    if (!cancellations_.empty()) next = std::min(next, cancellations_.front().time);
    if (switched_ < options_.switches.size()) next = std::min(next, options_.switches[switched_].time);
    if (advisor_) next = std::min(next, next_advice_);
    return std::max(next, now_);
  }

  void EndBatches() {
    // In the order of dispatch.
    for (std::size_t i = 0; i < running_.size();) {
      if (running_[i].ending.end > now_) {
        ++i;
        continue;
      }
      const Running ended = running_[i];
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      collector_.Ran(ended.start, now_);
      absl::Status status(ended.ending.code, "the simulated backend failed");  // the message of OK is empty
      if (ended.ending.fell) status = scheduling::Fell(std::move(status));
      scheduler_->Complete(ended.id, status, now_, effects_);
      TakeEffects();
    }
  }

  void PassDeadlines() {
    if (next_tick_ > now_) return;
    scheduler_->Tick(now_, effects_);
    TakeEffects();
  }

  void GiveUp() {
    while (!cancellations_.empty() && cancellations_.front().time <= now_) {
      std::pop_heap(cancellations_.begin(), cancellations_.end());
      scheduler_->Cancel(cancellations_.back().id, now_, effects_);
      cancellations_.pop_back();
      TakeEffects();
    }
  }

  absl::Status SwitchStrategy() {
    while (switched_ < options_.switches.size() && options_.switches[switched_].time <= now_) {
      const auto change = scheduler_->SetStrategy(options_.switches[switched_++].strategy);
      if (!change.ok()) return change.status();
      FindAdvisor();
    }
    return absl::OkStatus();
  }

  // A strategy that takes no advice has no advisor.
  absl::Status Advise() {
    if (!advisor_ || next_advice_ > now_) return absl::OkStatus();
    next_advice_ = Later(now_, advisor_->options().interval);
    const absl::StatusOr<Advice> advice = advisor_->Consider(
        recent_.Since(now_ - advisor_->options().window), SettingOf(*scheduler_), scheduler_->DecidingStrategy(), now_);
    if (!advice.ok()) return advice.status();
    return advice->change ? scheduler_->Follow(advice->strategy) : absl::OkStatus();
  }
  void FindAdvisor() {
    advisor_.reset();
    const std::optional<AdvisorOptions> options = AdvisorOptions::For(scheduler_->strategy());
    if (!options) return;
    advisor_.emplace(*options);
    next_advice_ = Later(now_, advisor_->options().interval);
  }

  absl::Status TakeArrivals() {
    while (feed_.NextTime() <= now_ && feed_.NextTime() != kNever) {
      if (offered_ % kOffersBetweenCalls == 0 && options_.keep_going && !options_.keep_going(offered_)) {
        return absl::CancelledError("the simulation was told to stop");
      }
      const FedRequest request = feed_.Take();
      if (absl::Status status = CheckSize(request); !status.ok()) return status;
      Offer(request);
    }
    return absl::OkStatus();
  }

  absl::Status CheckSize(const FedRequest& request) const {
    const scheduling::SchedulerOptions& limits = scheduler_->options();
    if (request.lengths.empty() || request.lengths.size() > scheduling::kMostSequences) {
      return absl::InvalidArgumentError(absl::StrCat("request ", offered_, " of '", feed_.customers()[request.customer],
                                                     "' holds ", request.lengths.size(), " sequences; 1 to ",
                                                     scheduling::kMostSequences, " are allowed, so cut it"));
    }
    for (const std::uint32_t length : request.lengths) {
      if (length >= 1 && length <= limits.max_sequence_length) continue;
      return absl::InvalidArgumentError(absl::StrCat("request ", offered_, " of '", feed_.customers()[request.customer],
                                                     "' holds a sequence of ", length,
                                                     " characters; the limits are 1 and ", limits.max_sequence_length));
    }
    return absl::OkStatus();
  }

  void Offer(const FedRequest& request) {
    const std::uint64_t number = offered_++;
    scheduling::Arrival arrival;
    arrival.customer = feed_.customers()[request.customer];
    arrival.lengths = request.lengths;
    arrival.deadline = request.deadline;
    const Impatience& impatience = options_.impatience;
    if (impatience.deadline_share > 0 && random_.Chance(impatience.deadline_share)) {
      arrival.deadline = Later(now_, impatience.deadline);
    }
    const bool will_cancel = impatience.cancel_share > 0 && random_.Chance(impatience.cancel_share);
    const Duration patience =
        will_cancel ? FromSeconds(random_.Exponential(ToSeconds(impatience.mean_patience))) : Duration::zero();

    collector_.Offered(number, request.lengths, now_);
    const auto answer = scheduler_->Offer(arrival, now_, effects_);
    TakeEffects();
    const RequestId* const id = std::get_if<RequestId>(&answer);
    if (id == nullptr) {
      feed_.Ended(request.customer, now_);
      return;
    }
    if (id->slot >= live_.size()) live_.resize(id->slot + std::size_t{1});
    live_[id->slot] = {number, request.customer};
    if (advisor_) recent_.Add(arrival.customer, request.lengths, arrival.deadline, now_);
    if (!will_cancel) return;
    cancellations_.push_back({Later(now_, patience), *id});
    std::push_heap(cancellations_.begin(), cancellations_.end());
  }

  absl::Status StartBatches() {
    ask_again_ = kNever;
    for (;;) {
      scheduling::Step step = scheduler_->Next(now_);
      if (const auto* wait = std::get_if<scheduling::AskAgainAt>(&step)) {
        if (wait->time <= now_) return absl::InternalError("the scheduler asks to be asked again at once");
        ask_again_ = wait->time;
      }
      const auto* const batch = std::get_if<scheduling::Batch>(&step);
      if (batch == nullptr) return absl::OkStatus();
      const SimulatedEnd ending = backends_[batch->backend].Start(*batch, now_);
      collector_.Dispatched(*batch);
      if (options_.on_decision) Tell(*batch);
      running_.push_back({batch->id, now_, ending});
    }
  }

  void Tell(const scheduling::Batch& batch) {
    members_.clear();
    for (const scheduling::BatchMember& member : batch.members) {
      members_.push_back({live_[member.request.slot].number, member.sequence});
    }
    options_.on_decision({batch, members_});
  }

  void TakeEffects() {
    for (const scheduling::Finished& finished : effects_.finished) {
      const LiveRequest& request = live_[finished.id.slot];
      collector_.Ended(request.number, request.customer, finished);
      if (options_.on_ended) options_.on_ended(request.customer, finished);
      feed_.Ended(request.customer, now_);
    }
    for (const BatchId id : effects_.abandoned) {
      const auto found = std::find_if(running_.begin(), running_.end(), [&](const Running& r) { return r.id == id; });
      // It may be the batch that is ending just now.
      if (found != running_.end()) found->ending = {now_, absl::StatusCode::kCancelled};
    }
    effects_.finished.clear();
    effects_.abandoned.clear();
  }

  ArrivalFeed& feed_;
  const SimulationOptions& options_;
  const std::unique_ptr<scheduling::Scheduler> scheduler_;
  Collector collector_;
  Random random_;
  std::vector<BackendProcess> backends_;
  std::uint32_t slots_ = 0;

  Time now_{};
  Time ask_again_ = kNever;
  Time next_tick_ = kNever;
  std::optional<Advisor> advisor_;
  RecentArrivals recent_{kMostRecentArrivals};
  Time next_advice_{};
  std::vector<Running> running_;             // in the order of dispatch; as many as there are slots
  std::vector<Cancellation> cancellations_;  // a heap
  std::vector<LiveRequest> live_;
  std::uint64_t offered_ = 0;
  std::size_t switched_ = 0;
  scheduling::Effects effects_;
  std::vector<DecisionMember> members_;
};

}  // namespace

scheduling::SchedulerOptions UnlimitedQueue() {
  scheduling::SchedulerOptions options;
  options.max_queued_requests = kUnlimited;
  options.max_queued_requests_per_customer = kUnlimited;
  options.max_queued_cost = Duration::max();
  options.max_queued_cost_per_customer = Duration::max();
  return options;
}

absl::StatusOr<Result> Simulate(ArrivalFeed& feed, const SimulationOptions& options) {
  if (absl::Status status = Validate(options); !status.ok()) return status;
  scheduling::SchedulerOptions scheduler_options = options.scheduler;
  // No account may be closed before its charges are read.
  scheduler_options.max_idle_accounts = std::max(scheduler_options.max_idle_accounts, feed.customers().size());
  for (const StrategySwitch& change : options.switches) {
    if (const auto checked = scheduling::CheckChoice(change.strategy); !checked.ok()) return checked.status();
  }
  auto start = CheckSimulated(options.strategy);
  if (!start.ok()) return start.status();
  auto scheduler = scheduling::Scheduler::Create(scheduler_options, *std::move(start), options.observer);
  if (!scheduler.ok()) return scheduler.status();
  return Simulation(feed, options, *std::move(scheduler)).Run();
}

}  // namespace smartbatch::simulation
