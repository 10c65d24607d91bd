#include "tests/support/scheduler_driver.h"

#include <algorithm>
#include <cstdlib>
#include <variant>

#include <absl/strings/str_cat.h>

#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "tests/support/random_strategy.h"

namespace smartbatch::test {
namespace {

// A sequence of this length fails every batch it is in.
constexpr std::uint32_t kPoison = 13;
// A sequence of this length crashes every backend.
constexpr std::uint32_t kCrasher = 17;

using std::chrono::milliseconds;

std::uint32_t Small(Random& random, std::uint32_t largest) {
  return static_cast<std::uint32_t>(random.Between(1, largest));
}

}  // namespace

SchedulerDriver::SchedulerDriver(const DriverOptions& options) : options_(options), random_(options.seed) {
  const std::uint32_t batch_sizes[] = {1, 2, 5, 5, 5, 16, 64};
  scheduler_options_.max_batch_size = batch_sizes[random_.Between(0, 6)];
  scheduler_options_.max_sequence_length = 2000;
  scheduler_options_.max_attempts = Small(random_, 4);
  scheduler_options_.max_queued_requests = random_.Chance(0.3) ? Small(random_, 50) : 100'000;
  scheduler_options_.max_queued_requests_per_customer = random_.Chance(0.3) ? Small(random_, 20) : 100'000;
  scheduler_options_.max_queued_bytes = random_.Chance(0.2) ? 2000 : 1'000'000'000;
  scheduler_options_.max_queued_cost = random_.Chance(0.1) ? milliseconds(100) : kNoCostLimit;
  scheduler_options_.max_queued_cost_per_customer = random_.Chance(0.1) ? milliseconds(50) : kNoCostLimit;
  scheduler_options_.max_queued_bytes_per_customer = random_.Chance(0.1) ? 500 : 1'000'000'000;
  scheduler_options_.max_idle_accounts = random_.Chance(0.5) ? Small(random_, 5) : 10'000;
  scheduler_options_.batch_timeout_minimum = milliseconds(100);
  if (random_.Chance(0.5)) scheduler_options_.latency_objective = milliseconds(random_.Between(1, 1000));
  if (options_.crashers && !options_.backend_faults) {
    // Then crashers cause every failure of an innocent request, except for those that these two settings cause. Never,
    // rather than late: this driver goes to the moment of the next tick, however far away it is.
    scheduler_options_.max_attempts = std::max(2U, scheduler_options_.max_attempts);
    scheduler_options_.backends.unavailable_after = Duration::max();
  }
  scheduler_options_.backends.costs_are_assumed = random_.Chance(0.3);
  const std::uint32_t lengths[] = {30, 200, 2000};
  longest_ = lengths[random_.Between(0, 2)];
  customers_ = random_.Chance(0.2) ? 200 : Small(random_, 8);
  checker_ = std::make_unique<SchedulerChecker>(scheduler_options_);
}

void SchedulerDriver::Start() {
  const scheduling::CheckedChoice first =
      options_.strategy ? *options_.strategy : *scheduling::CheckChoice(AnyStrategy(random_));
  scheduling::SchedulerObserver* const observer = between_ != nullptr ? between_ : checker_.get();
  scheduler_ = *scheduling::Scheduler::Create(scheduler_options_, first, observer);
  checker_->Promised(options_.promises ? *options_.promises : PromisesOf(first));
  const std::uint32_t backends = random_.Chance(0.6) ? 1 : Small(random_, 3);
  for (std::uint32_t i = 0; i < backends; ++i) AddBackend();
}

void SchedulerDriver::AddBackend() {
  CostModel cost;
  if (random_.Chance(0.3)) cost.fixed = 0.005;
  if (random_.Chance(0.3)) cost.per_sequence = 0.001;
  if (random_.Chance(0.3)) cost.per_character = 1e-5;
  if (random_.Chance(0.2)) cost.per_character_squared = 1e-7;
  if (random_.Chance(0.2)) cost.knee = 3;
  const std::uint32_t slots = Small(random_, 3);
  const auto id = scheduler_->AddBackend(absl::StrCat("backend-", random_.Between(0, 4)), slots, cost);
  if (id >= backend_is_gone_.size()) backend_is_gone_.resize(id + 1);
  if (id >= largest_batch_.size()) largest_batch_.resize(id + 1);
  backend_is_gone_[id] = false;
  const bool takes_fewer = options_.backend_faults && random_.Chance(0.2);
  largest_batch_[id] = takes_fewer ? Small(random_, scheduler_options_.max_batch_size) : 1024;
}

scheduling::BackendId SchedulerDriver::AnyBackend() {
  return static_cast<scheduling::BackendId>(random_.Between(0, static_cast<std::int64_t>(backend_is_gone_.size()) - 1));
}

void SchedulerDriver::Play() {
  Start();
  while (events_ < options_.events && checker_->violations().empty()) {
    Event();
    Settle();
  }
  if (options_.close) {
    Close();
  } else {
    Drain();
  }
}

void SchedulerDriver::Event() {
  ++events_;
  const double kind = random_.Uniform();
  if (kind < 0.45) return Offer();
  if (kind < 0.85) return EndBatch();
  if (kind < 0.91) return Wait();
  if (kind < 0.94) return Cancel();
  if (kind < 0.96) return SwitchStrategy();
  if (kind < 0.98) return ToggleBackend();
  Configure();
}

std::uint32_t SchedulerDriver::DrawLength() {
  if (options_.poison && random_.Chance(0.01)) return kPoison;
  if (options_.crashers && random_.Chance(0.003)) return kCrasher;
  const std::uint32_t length = Small(random_, random_.Chance(0.2) ? longest_ : std::max(longest_ / 10, 1U));
  return length == kPoison || length == kCrasher ? length + 1 : length;
}

std::uint32_t SchedulerDriver::LargestRequest() const {
  const std::uint32_t batch = scheduler_options_.max_batch_size;
  return options_.batches_of_a_request > 0 ? options_.batches_of_a_request * batch : std::min(batch, 8U);
}

void SchedulerDriver::Offer() {
  const std::int64_t burst = random_.Chance(0.05) ? random_.Between(2, 40) : 1;
  for (std::int64_t i = 0; i < burst; ++i) {
    const std::string customer = absl::StrCat("customer-", random_.Between(1, customers_));
    std::vector<std::uint32_t> lengths(Small(random_, LargestRequest()));
    for (std::uint32_t& length : lengths) length = DrawLength();
    scheduling::Arrival arrival;
    arrival.customer = customer;
    arrival.lengths = lengths;
    arrival.bytes = static_cast<std::size_t>(random_.Between(0, 200));
    if (options_.kinds > 1) arrival.kind = Small(random_, options_.kinds);
    if (options_.deadlines && random_.Chance(0.2)) arrival.deadline = now_ + FromSeconds(random_.Uniform() - 0.01);
    const auto answer = scheduler_->Offer(arrival, now_, effects_);
    TakeEffects();
    if (const auto* const refused = std::get_if<scheduling::Rejection>(&answer)) checker_->Refused(*refused);
    if (const auto* const id = std::get_if<scheduling::RequestId>(&answer)) {
      const auto crashers = std::count(lengths.begin(), lengths.end(), kCrasher);
      offered_crashers_ += static_cast<std::uint64_t>(crashers);
      live_.push_back({*id, crashers > 0 || std::find(lengths.begin(), lengths.end(), kPoison) != lengths.end(),
                       lengths.size() > scheduler_options_.max_batch_size});
    }
  }
}

void SchedulerDriver::EndBatch() {
  if (running_.empty()) return Wait();
  const auto place = static_cast<std::size_t>(random_.Between(0, static_cast<std::int64_t>(running_.size()) - 1));
  const Running batch = running_[place];
  running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(place));
  now_ += FromSeconds(random_.Exponential(0.02));
  absl::Status status;
  // A batch that took far too long until it was cancelled counts as a fault. So without faults the cancel comes too
  // late.
  if (batch.abandoned && options_.backend_faults) {
    status = absl::CancelledError("nobody waits for it");
  } else if (backend_is_gone_[batch.backend]) {
    status = absl::UnavailableError("the backend is gone");
    if (random_.Chance(0.3)) status = scheduling::Fell(status);
  } else if (batch.crashes) {
    status = scheduling::Fell(absl::UnavailableError("the backend has crashed"));
    ++crashes_;
  } else if (options_.backend_faults && random_.Chance(0.02)) {
    status = random_.Chance(0.5) ? absl::DeadlineExceededError("it hung") : absl::ResourceExhaustedError("it is full");
  } else if (batch.too_large) {
    status = absl::InvalidArgumentError("too many sequences");
  } else if (batch.poisoned) {
    status = absl::InternalError("a sequence is bad");
  }
  scheduler_->Complete(batch.id, status, now_, effects_);
  TakeEffects();
}

void SchedulerDriver::Cancel() {
  if (!options_.cancels || live_.empty()) return;
  const auto place = static_cast<std::size_t>(random_.Between(0, static_cast<std::int64_t>(live_.size()) - 1));
  const scheduling::RequestId id = live_[place].id;
  checker_->Cancelling(id);
  scheduler_->Cancel(id, now_, effects_);
  TakeEffects();
}

void SchedulerDriver::SwitchStrategy() {
  if (scheduler_->TakesAdvice() && random_.Chance(0.7)) {
    const std::string followed = AnyStrategy(random_).name;
    if (!scheduler_->Follow(followed).ok()) return;
    checker_->Promised(PromisesOf(*scheduling::FindStrategy(followed)));
    return;
  }
  if (!options_.switches) return;
  const scheduling::StrategyChoice choice = AnyStrategy(random_);
  checker_->Promised(PromisesOf(*scheduling::CheckChoice(choice)));
  if (!scheduler_->SetStrategy(choice).ok()) std::abort();
}

void SchedulerDriver::ToggleBackend() {
  if (!options_.backend_faults) return;
  const auto& backends = scheduler_->backends().backends();
  const auto there = std::count_if(backends.begin(), backends.end(), [](const auto& b) { return !b.removed; });
  if (there == 0) return AddBackend();
  const scheduling::BackendId id = AnyBackend();
  if (backends[id].removed) return;
  const double kind = random_.Uniform();
  if (kind < 0.05) {
    scheduler_->HoldBack(id, !backends[id].held_back);
  } else if (kind < 0.1) {
    scheduler_->SetSlots(id, Small(random_, 3));
  } else if (kind < 0.4) {
    backend_is_gone_[id] = !backend_is_gone_[id];
  } else if (kind < 0.7) {
    scheduler_->ReportHealth(id, static_cast<scheduling::HealthReport>(random_.Between(0, 3)), now_, effects_);
    TakeEffects();
  } else if (kind < 0.85 && backends.size() < 6) {
    AddBackend();
  } else if (there > 1 || random_.Chance(0.3)) {
    scheduler_->RemoveBackend(id);
  }
}

void SchedulerDriver::Configure() {
  if (!options_.configuration) return;
  const std::string customer = absl::StrCat("customer-", random_.Between(1, customers_));
  scheduling::CustomerPolicy policy{0.1 + 5 * random_.Uniform(), Small(random_, 10) - 1};
  if (random_.Chance(0.3)) policy.latency_objective = milliseconds(random_.Between(1, 1000));
  scheduler_->ConfigureCustomer(customer, policy);
}

void SchedulerDriver::Wait() {
  const Time due = std::min(ask_again_, scheduler_->NextTick(now_));
  const bool until_due = due != kNever && due > now_ && random_.Chance(0.7);
  now_ = until_due ? due : now_ + FromSeconds(random_.Exponential(random_.Chance(0.05) ? 5 : 0.05));
  scheduler_->Tick(now_, effects_);
  TakeEffects();
}

void SchedulerDriver::Settle() {
  // The owner of the scheduler ticks when the timer is due.
  if (scheduler_->NextTick(now_) <= now_) {
    scheduler_->Tick(now_, effects_);
    TakeEffects();
  }
  ask_again_ = kNever;
  for (;;) {
    const scheduling::Step step = scheduler_->Next(now_);
    if (const auto* const batch = std::get_if<scheduling::Batch>(&step)) {
      const auto holds = [batch](std::uint32_t length) {
        return std::any_of(batch->members.begin(), batch->members.end(),
                           [length](const scheduling::BatchMember& m) { return m.length == length; });
      };
      running_.push_back({batch->id, batch->backend, holds(kPoison), holds(kCrasher),
                          batch->members.size() > largest_batch_[batch->backend], false});
      continue;
    }
    if (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) ask_again_ = wait->time;
    checker_->Settled(*scheduler_, step, now_);
    return;
  }
}

void SchedulerDriver::TakeEffects() {
  for (const scheduling::Finished& finished : effects_.finished) {
    const auto found = std::find_if(live_.begin(), live_.end(), [&](const Live& r) { return r.id == finished.id; });
    if (found == live_.end()) continue;
    if (finished.outcome == scheduling::Outcome::kBackendFailed && !found->poisoned) ++innocent_failures_;
    if (finished.outcome == scheduling::Outcome::kAnswered && found->poisoned) ++poisoned_answers_;
    if (finished.outcome == scheduling::Outcome::kAnswered && found->is_cut) ++cut_answers_;
    *found = live_.back();
    live_.pop_back();
  }
  for (const scheduling::BatchId id : effects_.abandoned) {
    const auto found = std::find_if(running_.begin(), running_.end(), [&](const Running& r) { return r.id == id; });
    if (found != running_.end()) found->abandoned = true;
  }
  effects_.finished.clear();
  effects_.abandoned.clear();
}

void SchedulerDriver::Drain() {
  std::fill(backend_is_gone_.begin(), backend_is_gone_.end(), false);
  for (scheduling::BackendId id = 0; id < backend_is_gone_.size(); ++id) {
    if (scheduler_->backends().backends()[id].removed) continue;
    scheduler_->ReportHealth(id, scheduling::HealthReport::kServing, now_, effects_);
    scheduler_->HoldBack(id, false);
  }
  Settle();
  while (checker_->violations().empty()) {
    const Time due = std::min(ask_again_, scheduler_->NextTick(now_));
    if (!running_.empty()) {
      EndBatch();
    } else if (scheduler_->pending().unfinished_requests() > 0 && due != kNever) {
      now_ = std::max(now_, due);
      scheduler_->Tick(now_, effects_);
      TakeEffects();
    } else {
      return;
    }
    Settle();
  }
}

void SchedulerDriver::Close() {
  checker_->Closing();
  scheduler_->Close(now_, effects_);
  TakeEffects();
  while (!running_.empty() && checker_->violations().empty()) {
    Settle();
    EndBatch();
  }
}

}  // namespace smartbatch::test
