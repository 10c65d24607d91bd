#include "services/proxy/scheduling/scheduler.h"

#include <algorithm>
#include <cassert>
#include <chrono>
#include <utility>

#include <absl/strings/str_cat.h>

#include "common/field_error.h"
#include "services/proxy/scheduling/strategies/advised_strategy.h"

namespace smartbatch::scheduling {

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Create(const SchedulerOptions& options,
                                                             const StrategyChoice& start, SchedulerObserver* observer) {
  absl::StatusOr<CheckedChoice> choice = CheckChoice(start);
  if (!choice.ok()) return choice.status();
  return Create(options, *std::move(choice), observer);
}

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Create(const SchedulerOptions& options, CheckedChoice start,
                                                             SchedulerObserver* observer) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  std::unique_ptr<Scheduler> scheduler(new Scheduler(options, observer));
  scheduler->StartStrategy(std::move(start));
  return scheduler;
}

Scheduler::Scheduler(const SchedulerOptions& options, SchedulerObserver* observer)
    : options_(options), observer_(observer), customers_(options.max_idle_accounts), backends_(options.backends) {
  selection_.Clear(options.max_batch_size);
}

Scheduler::~Scheduler() = default;

BackendId Scheduler::AddBackend(std::string name, std::uint32_t slots, const CostModel& cost) {
  if (backends_.backends().empty()) pending_.MeasureWorkBy({cost});
  const BackendId id = backends_.Add(std::move(name), slots, cost);
  if (observer_ != nullptr) observer_->BackendAdded(id, backends_[id]);
  return id;
}

void Scheduler::RemoveBackend(BackendId id) {
  backends_.Remove(id);
  if (observer_ != nullptr) observer_->BackendRemoved(id);
}

void Scheduler::SetSlots(BackendId id, std::uint32_t slots) {
  backends_.SetSlots(id, slots);
  if (observer_ != nullptr) observer_->BackendSlotsChanged(id, slots);
}

void Scheduler::HoldBack(BackendId id, bool held_back) {
  if (backends_[id].held_back == held_back) return;
  backends_.HoldBack(id, held_back);
  if (observer_ != nullptr) observer_->BackendHeldBack(id, held_back);
}

bool Scheduler::ReportHealth(BackendId id, HealthReport report, Time now, Effects& effects) {
  const bool changed = backends_.HealthChecked(id, report, now);
  if (changed && observer_ != nullptr) observer_->BackendHealthChanged(id, backends_[id].healthy, now);
  if (changed && !backends_[id].healthy) {
    trouble_ = report == HealthReport::kNotServing ? "the backend's health check says that it does not serve"
                                                   : "the backend does not answer its health checks";
  }
  const bool is_gone = report == HealthReport::kNoAnswer && !backends_[id].healthy;
  if (is_gone) running_.AppendOverdue(id, now, effects.abandoned);
  return changed;
}

// --- Offer ---

std::variant<RequestId, Rejection> Scheduler::Offer(const Arrival& arrival, Time now, Effects& effects) {
  assert(!arrival.lengths.empty() && arrival.lengths.size() <= kMostSequences);
  ++outcomes_.offered;
  backends_.CountTimeWithout(now);
  Customer* customer = customers_.Find(arrival.customer);
  std::optional<RejectReason> reason = admission_.ReasonToReject(arrival, customer, now);
  const auto shed = [&](PendingRequest& request) { Finish(request, Outcome::kShed, absl::OkStatus(), now, effects); };
  if (reason) {
    MeasureWork(now);
    if (admission_.MakeRoom(*reason, arrival, customer, now, shed)) reason.reset();
    customer = customers_.Find(arrival.customer);  // the account may have been closed with a shed request
  }
  if (reason) {
    ++outcomes_.by_outcome[static_cast<std::size_t>(Outcome::kRejected)];
    if (observer_ != nullptr) observer_->Rejected(arrival.customer, DecidingStrategy(), *reason);
    Rejection rejection = admission_.Refuse(*reason, arrival, customer, now);
    if (*reason == RejectReason::kNoBackend) rejection.trouble = trouble_;
    return rejection;
  }
  admission_.Accepted(arrival, customer, now);
  if (customer == nullptr) customer = &customers_.Open(arrival.customer);
  if (customer->live_requests == 0) customers_.LeftIdle(*customer);
  PendingRequest& request = pending_.Insert(*customer, arrival, admission_.UseOf(arrival), ++offers_, now);
  const Duration objective = customer->policy.latency_objective.value_or(options_.latency_objective);
  request.due = arrival.deadline != kNever ? arrival.deadline : Later(now, objective);
  if (customer->waiting_requests == 1) customers_.BecameBacklogged(*customer, strategy_->lag_allowance(), now);
  strategy_->Add(request, false);
  if (observer_ != nullptr) observer_->Accepted(*customer, request);
  return request.id;
}

// An assumed cost may be wrong by any factor, and a full queue may never be empty again. So what waits is measured anew
// by what batches have taught meanwhile. That takes less than a hundredth of the time: 2 ms for 50,000 requests.
void Scheduler::MeasureWork(Time now) {
  constexpr Duration kAtLeast = std::chrono::seconds(1);
  constexpr Duration kForEachSequence = std::chrono::microseconds(2);
  if (!options_.backends.costs_are_assumed || now < measure_work_at_) return;
  pending_.MeasureWorkBy(backends_.TaughtCost());
  measure_work_at_ = Later(now, kAtLeast + pending_.waiting_sequences() * kForEachSequence);
}

// --- Next ---

Step Scheduler::Next(Time now) {
  if (!HasWork()) return Nothing{};
  Step step = Choose(now);
  if (std::holds_alternative<Batch>(step) || lone_retries_.empty()) return step;
  // A retry alone may wait for a resting backend, while nothing that waits may go to the other backends.
  const Time resume = backends_.NextResume(now);
  const auto* const wait = std::get_if<AskAgainAt>(&step);
  if (resume != kNever && (wait == nullptr || wait->time > resume)) step = AskAgainAt{resume};
  return step;
}

Step Scheduler::Choose(Time now) {
  selection_.Clear(options_.max_batch_size);
  std::optional<BackendId> backend = lone_retries_.Select(backends_, now, selection_);
  if (!backend) backend = backends_.FreeSlot(now);
  if (!backend) {
    const Time resume = backends_.NextResume(now);
    if (resume == kNever) return Nothing{};
    return AskAgainAt{resume};
  }
  const std::uint32_t seats = backends_.SeatsOf(*backend, options_.max_batch_size, now);
  const BelievedCost cost = backends_.OwnCost(*backend);
  const Occasion occasion{now, seats, cost.model, cost.known_length};
  if (selection_.kind() != Selection::Kind::kBatch) {
    selection_.Clear(seats);
    if (pending_.waiting_sequences() == 0) return Nothing{};
    strategy_->Select(occasion, selection_);
    selection_.KeepOneKind();
  }
  switch (selection_.kind()) {
    case Selection::Kind::kNothing:
      return Nothing{};
    case Selection::Kind::kWait:
      return AskAgainAt{selection_.ask_again_at()};
    case Selection::Kind::kBatch:
      return Dispatch(occasion, *backend);
  }
  return Nothing{};
}

// --- The end of a request ---

void Scheduler::Finish(PendingRequest& request, Outcome outcome, absl::Status status, Time now, Effects& effects,
                       bool hopeless) {
  Customer& customer = *request.customer;
  const bool was_backlogged = customer.waiting_requests > 0;
  if (request.waiting > 0) strategy_->Remove(request);
  pending_.Finish(request);
  if (was_backlogged && customer.waiting_requests == 0) {
    customers_.BecameUnbacklogged(customer, now);
    admission_.NothingWaitsOf(customer);
  }

  Finished finished;
  finished.id = request.id;
  finished.outcome = outcome;
  finished.hopeless = hopeless;
  finished.backend_status = std::move(status);
  finished.customer = customer.name;
  finished.arrival = request.arrival;
  if (!request.last_strategy.empty()) finished.last_dispatch = request.last_dispatch;
  finished.strategy = request.last_strategy.empty() ? DecidingStrategy() : request.last_strategy;
  finished.reason = request.last_reason;
  finished.finish = now;
  finished.due = request.due;
  finished.alone_seconds = SecondsByItself(request);
  finished.batch_sizes = request.batch_sizes;
  if (outcome == Outcome::kShed) {
    finished.retry_after = admission_.PromisePlace(request, now);
  }
  ++outcomes_.by_outcome[static_cast<std::size_t>(outcome)];
  if (observer_ != nullptr) observer_->Ended(finished);
  effects.finished.push_back(std::move(finished));

  if (request.running > 0) running_.AppendAbandoned(request.id, effects.abandoned);
  Release(request);
}

// A request with more sequences than a batch has seats takes several batches, one after the other.
double Scheduler::SecondsByItself(const PendingRequest& request) const {
  const CostModel cost = backends_.TypicalCost();
  const std::size_t seats = options_.max_batch_size;
  const std::size_t full = request.sequences.size() / seats;
  const std::size_t rest = request.sequences.size() % seats;
  double seconds = 0;
  if (full > 0) seconds += static_cast<double>(full) * cost.Seconds(seats, request.longest_at_arrival);
  if (rest > 0) seconds += cost.Seconds(rest, request.longest_at_arrival);
  return seconds;
}

void Scheduler::Release(PendingRequest& request) {
  Customer& customer = *request.customer;
  pending_.ReleaseIfIdle(request);
  if (!request.alive && customer.live_requests == 0) customers_.BecameIdle(customer);
}

void Scheduler::Cancel(RequestId id, Time now, Effects& effects) {
  PendingRequest* const request = pending_.Find(id);
  if (request == nullptr || request->finished) return;
  Finish(*request, Outcome::kCancelled, absl::OkStatus(), now, effects);
}

void Scheduler::Tick(Time now, Effects& effects) {
  backends_.CountTimeWithout(now);
  while (PendingRequest* const request = pending_.AnyExpired(now)) {
    Finish(*request, Outcome::kExpired, absl::OkStatus(), now, effects);
  }
  while (PendingRequest* const request = strategy_->Hopeless(now)) {
    Finish(*request, Outcome::kExpired, absl::OkStatus(), now, effects, /*hopeless=*/true);
  }
  FailWaitingIfUnavailable(now, effects);
}

void Scheduler::FailWaitingIfUnavailable(Time now, Effects& effects) {
  if (!backends_.Unavailable(now)) return;
  const absl::Status status = absl::UnavailableError(trouble_);
  while (PendingRequest* const request = pending_.Oldest()) {
    Finish(*request, Outcome::kBackendFailed, status, now, effects);
  }
  // Sequences that wait to be tried again alone are only in this list.
  while (PendingSequence* const sequence = lone_retries_.Oldest()) {
    Finish(*sequence->request, Outcome::kBackendFailed, status, now, effects);
  }
}

Time Scheduler::NextTick(Time now) const {
  const bool something_waits = pending_.waiting_requests() > 0 || !lone_retries_.empty();
  const Time unavailable = something_waits ? backends_.UnavailableAt() : kNever;
  // When that time has passed, only the end of a batch can show that a backend is back.
  const Time lost = std::min(pending_.EarliestDeadline(), strategy_->NextHopeless(now));
  return std::min(lost, unavailable > now ? unavailable : kNever);
}

void Scheduler::Close(Time now, Effects& effects) {
  StopAccepting();
  std::uint32_t slot = 0;
  while (PendingRequest* const request = pending_.NextUnfinished(slot)) {
    Finish(*request, Outcome::kShutDown, absl::OkStatus(), now, effects);
  }
}

// --- Steering ---

void Scheduler::StartStrategy(CheckedChoice choice) {
  const std::string_view previous = strategy_ == nullptr ? std::string_view() : DecidingStrategy();
  // The old object unlinks everything when it is destroyed; only then can the new one link it.
  strategy_.reset();
  choice_ = std::move(choice);
  strategy_ =
      choice_.specification->make({pending_, customers_, backends_, options_.max_batch_size}, choice_.parameters);
  TellOfEverything(pending_, *strategy_);
  ++generation_;
  if (observer_ != nullptr) {
    observer_->StrategyChanged(previous, DecidingStrategy(),
                               previous.empty() ? SwitchedBy::kStart : SwitchedBy::kAdmin);
  }
}

absl::Status Scheduler::Follow(std::string_view name) {
  const StrategySpecification* const specification = FindStrategy(name);
  const std::string_view previous = DecidingStrategy();
  AdvisedStrategy* const advised = strategy_->Advised();
  if (specification == nullptr || advised == nullptr || !advised->Follow(*specification)) {
    return absl::FailedPreconditionError(
        absl::StrCat("strategy '", choice_.specification->name, "' cannot follow ", Quoted(name)));
  }
  if (observer_ != nullptr && previous != specification->name) {
    observer_->StrategyChanged(previous, specification->name, SwitchedBy::kAdvice);
  }
  return absl::OkStatus();
}

std::string_view Scheduler::DecidingStrategy() const {
  const AdvisedStrategy* const advised = strategy_->Advised();
  return advised != nullptr ? advised->followed().name : choice_.specification->name;
}

absl::StatusOr<StrategyChange> Scheduler::SetStrategy(const StrategyChoice& choice, std::uint64_t expected_generation,
                                                      bool validate_only) {
  absl::StatusOr<CheckedChoice> checked = CheckChoice(choice);
  if (!checked.ok()) return checked.status();
  if (expected_generation != 0 && expected_generation != generation_) {
    return absl::AbortedError(absl::StrCat("expected_generation is ", expected_generation, " but the current one is ",
                                           generation_, "; read GetStrategy and try again"));
  }
  StrategyChange change{strategy(), TextOf(*checked), 0, pending_.waiting_requests()};
  if (!validate_only) StartStrategy(*std::move(checked));
  change.generation = generation_;
  return change;
}

void Scheduler::ConfigureCustomer(std::string_view name, const CustomerPolicy& policy) {
  customers_.Configure(name, policy);
}

absl::Status Scheduler::Reconfigure(const SchedulerOptions& options) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  if (options.max_batch_size != options_.max_batch_size ||
      options.max_sequence_length != options_.max_sequence_length ||
      options.max_idle_accounts != options_.max_idle_accounts || options.learn_costs != options_.learn_costs) {
    return absl::InvalidArgumentError(
        "max_batch_size, max_sequence_length, max_idle_accounts and learn_costs are fixed while the scheduler lives");
  }
  options_ = options;
  backends_.Reconfigure(options.backends);
  return absl::OkStatus();
}

void Scheduler::ConfigureCustomers(const std::map<std::string, CustomerPolicy>& policies) {
  std::vector<std::string> dropped;
  customers_.ForEach([&](const Customer& customer) {
    if (customer.configured && policies.count(customer.name) == 0) dropped.push_back(customer.name);
  });
  for (const std::string& name : dropped) customers_.Unconfigure(name);
  for (const auto& [name, policy] : policies) customers_.Configure(name, policy);
}

}  // namespace smartbatch::scheduling
