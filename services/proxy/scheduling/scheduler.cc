#include "services/proxy/scheduling/scheduler.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <utility>

#include <absl/strings/str_cat.h>

#include "services/proxy/scheduling/airport_charges.h"
#include "services/proxy/scheduling/strategy_registry.h"

namespace smartbatch::scheduling {
namespace {

constexpr std::uint32_t kLargestBatch = 1024;
// Weight of the latest answer in the smoothed time from one answer to the next.
constexpr double kAnswerSmoothing = 0.05;
// A batch is overdue after so many times its predicted cost and this time besides.
constexpr double kOverdueFactor = 3;
constexpr Duration kOverdueAllowance = std::chrono::milliseconds(250);

absl::Status OutOfRange(absl::string_view option, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  return absl::InvalidArgumentError(absl::StrCat(option, " is ", value, "; it must be from ", low, " to ", high));
}

// The error says that the backend is gone, hung or full; any other says that a member of the batch is bad.
bool TellsOnBackend(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) || absl::IsResourceExhausted(status) ||
         absl::IsCancelled(status);
}

std::uint64_t Nanoseconds(Duration time) { return static_cast<std::uint64_t>(time.count()); }

QueueUse LimitsOfAll(const SchedulerOptions& options) {
  return {options.max_queued_requests, options.max_queued_bytes, Nanoseconds(options.max_queued_cost)};
}

// The three limits have reasons that stand together, once for the whole queue and once for a customer.
RejectReason ReasonOf(QueueLimit limit, RejectReason requests) {
  return static_cast<RejectReason>(static_cast<int>(requests) + static_cast<int>(limit));
}

bool IsOverdue(const Batch& batch, Duration took) {
  return took > kOverdueAllowance + FromSeconds(kOverdueFactor * batch.predicted_seconds);
}

}  // namespace

absl::Status SchedulerOptions::Validate() const {
  if (max_batch_size < 1 || max_batch_size > kLargestBatch) {
    return OutOfRange("max_batch_size", max_batch_size, 1, kLargestBatch);
  }
  if (max_sequence_length < 1 || max_sequence_length > kLongestSequence) {
    return OutOfRange("max_sequence_length", max_sequence_length, 1, kLongestSequence);
  }
  constexpr std::uint64_t kMost = 100'000'000;
  if (max_queued_requests < 1 || max_queued_requests > kMost) {
    return OutOfRange("max_queued_requests", max_queued_requests, 1, kMost);
  }
  if (max_queued_requests_per_customer < 1 || max_queued_requests_per_customer > kMost) {
    return OutOfRange("max_queued_requests_per_customer", max_queued_requests_per_customer, 1, kMost);
  }
  if (max_queued_bytes < 1) return absl::InvalidArgumentError("max_queued_bytes is 0; it must be at least 1");
  if (max_queued_bytes_per_customer < 1) {
    return absl::InvalidArgumentError("max_queued_bytes_per_customer is 0; it must be at least 1");
  }
  if (max_queued_cost <= Duration::zero() || max_queued_cost_per_customer <= Duration::zero()) {
    return absl::InvalidArgumentError(
        "max_queued_cost_seconds or max_queued_cost_seconds_per_customer is 0 or less; give seconds above 0");
  }
  if (max_attempts < 1 || max_attempts > 100) return OutOfRange("max_attempts", max_attempts, 1, 100);
  if (!(retry_budget >= 0 && retry_budget <= 100)) {
    return absl::InvalidArgumentError(absl::StrCat("retry_budget is ", retry_budget, "; it must be from 0 to 100"));
  }
  if (backends.max_consecutive_errors < 1 || backends.max_consecutive_errors > 1000) {
    return OutOfRange("max_consecutive_errors", backends.max_consecutive_errors, 1, 1000);
  }
  if (!(backends.slow_factor > 1 && backends.slow_factor <= 1000)) {
    return absl::InvalidArgumentError(
        absl::StrCat("slow_factor is ", backends.slow_factor, "; it must be above 1, at most 1000"));
  }
  if (batch_timeout_minimum <= Duration::zero()) {
    return absl::InvalidArgumentError("batch_timeout_minimum must be above 0");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Scheduler>> Scheduler::Create(const SchedulerOptions& options,
                                                             const StrategyChoice& start, SchedulerObserver* observer) {
  if (absl::Status status = options.Validate(); !status.ok()) return status;
  absl::StatusOr<CheckedChoice> choice = CheckChoice(start);
  if (!choice.ok()) return choice.status();
  std::unique_ptr<Scheduler> scheduler(new Scheduler(options, observer));
  scheduler->StartStrategy(*choice->specification, std::move(choice->parameters));
  return scheduler;
}

Scheduler::Scheduler(const SchedulerOptions& options, SchedulerObserver* observer)
    : options_(options), observer_(observer), customers_(options.max_idle_accounts), backends_(options.backends) {
  selection_.Clear(options.max_batch_size);
}

Scheduler::~Scheduler() = default;

BackendId Scheduler::AddBackend(std::string name, std::uint32_t slots, const CostModel& cost) {
  if (backends_.backends().empty()) pending_.MeasureWorkBy(cost);
  const BackendId id = backends_.Add(std::move(name), slots, cost);
  if (observer_ != nullptr) observer_->BackendAdded(id, backends_[id]);
  return id;
}

void Scheduler::RemoveBackend(BackendId id) {
  backends_.Remove(id);
  if (observer_ != nullptr) observer_->BackendRemoved(id);
}

bool Scheduler::ReportHealth(BackendId id, HealthReport report, Time now) {
  if (!backends_.HealthChecked(id, report, now)) return false;
  if (observer_ != nullptr) observer_->BackendHealthChanged(id, backends_[id].healthy, now);
  return true;
}

// --- Offer ---

std::optional<QueueLimit> Scheduler::FullFor(const Arrival& arrival) const {
  return LimitReached(pending_.unfinished(), arrival.bytes, LimitsOfAll(options_));
}

QueueUse Scheduler::LimitsOf(const Customer& customer) const {
  const CustomerPolicy& policy = customer.policy;
  return {policy.max_queued_requests.value_or(options_.max_queued_requests_per_customer),
          policy.max_queued_bytes.value_or(options_.max_queued_bytes_per_customer),
          Nanoseconds(policy.max_queued_cost.value_or(options_.max_queued_cost_per_customer))};
}

std::uint64_t Scheduler::PredictedCost(const Arrival& arrival) const {
  const CostModel cost = backends_.TypicalCost();
  double seconds = 0;
  for (const std::uint32_t length : arrival.lengths) seconds += cost.Alone(length);
  return Nanoseconds(FromSeconds(seconds));
}

// Even if the longest sequence left now, on the fastest backend, and took a fifth less than it is believed to.
bool Scheduler::CannotBeMet(const Arrival& arrival, Time now) const {
  constexpr double kCautious = 0.8;
  if (arrival.deadline == kNever) return false;
  const std::uint32_t longest = *std::max_element(arrival.lengths.begin(), arrival.lengths.end());
  return backends_.TakesLonger(longest, ToSeconds(arrival.deadline - now) / kCautious);
}

std::optional<RejectReason> Scheduler::ReasonToReject(const Arrival& arrival, const Customer* customer,
                                                      Time now) const {
  if (!accepting_) return RejectReason::kShuttingDown;
  if (arrival.deadline <= now) return RejectReason::kDeadlinePassed;
  if (CannotBeMet(arrival, now)) return RejectReason::kDeadlineTooSoon;
  if (backends_.Unavailable(now)) return RejectReason::kNoBackend;
  // A customer without an account has nothing in the queue, and one request may be as large as its limit.
  static const Customer kNew;
  const Customer& asking = customer != nullptr ? *customer : kNew;
  if (const auto limit = LimitReached(asking.unfinished, arrival.bytes, LimitsOf(asking))) {
    return ReasonOf(*limit, RejectReason::kCustomerQueueFull);
  }
  // This last: room is made only for what is accepted then.
  if (const auto limit = FullFor(arrival)) return ReasonOf(*limit, RejectReason::kQueueFull);
  return std::nullopt;
}

bool Scheduler::MakeRoom(const Arrival& arrival, const Customer* customer, Time now, Effects& effects) {
  constexpr int kMostShed = 8;
  std::uint64_t work = customer == nullptr ? 0 : customer->waiting_work;
  for (const std::uint32_t length : arrival.lengths) work += pending_.WorkOf(length);
  const double share = static_cast<double>(work) / (customer == nullptr ? 1 : customer->policy.weight);
  for (int shed = 0; shed < kMostShed && FullFor(arrival); ++shed) {
    Customer* const heaviest = heaviest_.Find(customers_.backlogged(), now);
    if (heaviest == nullptr || heaviest == customer || HeaviestCustomer::ShareOf(*heaviest) <= share) return false;
    Finish(heaviest->waiting.back(), Outcome::kShed, absl::OkStatus(), now, effects);
  }
  // Many cheap requests make little room for a costly one. Who has less than the heaviest gets in all the same, up to
  // twice the limit: else one costly request would have everybody refused until as much cheap work is done.
  QueueUse limits = LimitsOfAll(options_);
  limits.cost_ns *= 2;
  return !LimitReached(pending_.unfinished(), arrival.bytes, limits);
}

Duration Scheduler::EstimatedDrain(std::uint64_t requests) const {
  return FromSeconds(seconds_per_answer_ * static_cast<double>(requests));
}

Rejection Scheduler::RejectionFor(RejectReason reason, const Customer* customer, Time now) const {
  // A full queue has room again after one answer; a tenth of it is a better moment to return.
  const auto after_a_tenth = [this](std::uint64_t requests) { return EstimatedDrain(1 + requests / 10); };
  const auto milliseconds = [](Duration cost) { return Nanoseconds(cost) / 1'000'000; };
  const std::uint64_t queued = pending_.unfinished_requests();
  switch (reason) {
    case RejectReason::kBytesFull:
      return {reason, after_a_tenth(queued), options_.max_queued_bytes};
    case RejectReason::kCostFull:
      return {reason, after_a_tenth(queued), milliseconds(options_.max_queued_cost)};
    case RejectReason::kCustomerQueueFull: {
      const std::uint64_t limit = LimitsOf(*customer).requests;
      return {reason, after_a_tenth(limit), limit};
    }
    case RejectReason::kCustomerBytesFull:
      if (customer == nullptr) return {reason, Duration::zero(), options_.max_queued_bytes_per_customer};
      return {reason, after_a_tenth(customer->unfinished.requests), LimitsOf(*customer).bytes};
    case RejectReason::kCustomerCostFull:
      return {reason, after_a_tenth(customer->unfinished.requests), LimitsOf(*customer).cost_ns / 1'000'000};
    case RejectReason::kNoBackend: {
      const Time resume = backends_.NextResume(now);
      return {reason, resume == kNever ? options_.backends.pause_maximum : resume - now};
    }
    case RejectReason::kQueueFull:
    case RejectReason::kShuttingDown:
    case RejectReason::kDeadlinePassed:
    case RejectReason::kDeadlineTooSoon:
      break;
  }
  return {reason, after_a_tenth(options_.max_queued_requests), options_.max_queued_requests};
}

std::variant<RequestId, Rejection> Scheduler::Offer(const Arrival& arrival, Time now, Effects& effects) {
  assert(!arrival.lengths.empty() && arrival.lengths.size() <= options_.max_batch_size);
  ++outcomes_.offered;
  Customer* customer = customers_.Find(arrival.customer);
  std::optional<RejectReason> reason = ReasonToReject(arrival, customer, now);
  const bool full =
      reason == RejectReason::kQueueFull || reason == RejectReason::kBytesFull || reason == RejectReason::kCostFull;
  if (full && MakeRoom(arrival, customer, now, effects)) {
    reason.reset();
    customer = customers_.Find(arrival.customer);  // an account may have gone with what was shed
  }
  if (reason) {
    ++outcomes_.by_outcome[static_cast<std::size_t>(Outcome::kRejected)];
    if (observer_ != nullptr) observer_->Rejected(arrival.customer, DecidingStrategy(), *reason);
    return RejectionFor(*reason, customer, now);
  }
  if (customer == nullptr) customer = &customers_.Open(arrival.customer);
  if (customer->live_requests == 0) customers_.LeftIdle(*customer);
  PendingRequest& request = pending_.Insert(*customer, arrival, PredictedCost(arrival), ++offers_, now);
  if (customer->waiting_requests == 1) customers_.BecameBacklogged(*customer);
  strategy_.object->Add(request, false);
  if (observer_ != nullptr) observer_->Accepted(*customer, request);
  return request.id;
}

// --- Next ---

Step Scheduler::Next(Time now) {
  const bool retry_waits = next_retry_ < retries_.size();
  if (pending_.waiting_sequences() == 0 && !retry_waits) return Nothing{};
  selection_.Clear(options_.max_batch_size);
  std::optional<BackendId> backend = SelectRetry(now);
  if (!backend) backend = backends_.FreeSlot(now);
  if (!backend) {
    const Time resume = backends_.NextResume(now);
    if (resume == kNever) return Nothing{};
    return AskAgainAt{resume};
  }
  const Occasion occasion{now, options_.max_batch_size, backends_[*backend].cost};
  if (selection_.kind() != Selection::Kind::kBatch) {
    if (pending_.waiting_sequences() == 0) return Nothing{};
    strategy_.object->Select(occasion, selection_);
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

PendingSequence* Scheduler::NextRetry() {
  for (; next_retry_ < retries_.size(); ++next_retry_) {
    const BatchMember& member = retries_[next_retry_].member;
    PendingRequest* const request = pending_.Find(member.request);
    if (request == nullptr || request->finished) continue;
    PendingSequence& sequence = request->sequences[member.sequence];
    if (sequence.state == SequenceState::kWaiting && sequence.alone) return &sequence;
  }
  retries_.clear();
  next_retry_ = 0;
  return nullptr;
}

// The backend for the oldest retry: not the one that has failed it, unless that is the only one.
std::optional<BackendId> Scheduler::SelectRetry(Time now) {
  PendingSequence* const sequence = NextRetry();
  if (sequence == nullptr) return std::nullopt;
  const BackendId failed_at = retries_[next_retry_].failed_at;
  const bool has_other = backends_.HasOther(failed_at, now);
  const std::optional<BackendId> backend = backends_.FreeSlot(now, has_other ? std::optional(failed_at) : std::nullopt);
  if (!backend) return std::nullopt;
  ++next_retry_;
  // The scheduler itself takes it: it is not among those a strategy may choose.
  sequence->alone = false;
  selection_.Take(*sequence);
  sequence->alone = true;
  selection_.DispatchFor(DispatchReason::kRetry);
  return backend;
}

Batch Scheduler::Dispatch(const Occasion& occasion, BackendId backend) {
  const std::vector<PendingSequence*>& members = selection_.members();
  const bool chosen_by_strategy = selection_.reason() != DispatchReason::kRetry;

  Batch batch;
  batch.id = ++batches_;
  batch.backend = backend;
  batch.longest = selection_.longest();
  batch.predicted_seconds = occasion.cost.Seconds(static_cast<std::uint32_t>(members.size()), batch.longest);
  batch.timeout =
      std::max(options_.batch_timeout_minimum, FromSeconds(options_.batch_timeout_factor * batch.predicted_seconds));
  batch.reason = selection_.reason();
  batch.strategy = DecidingStrategy();
  batch.dispatched = occasion.now;
  batch.members.reserve(members.size());
  for (const PendingSequence* const sequence : members) {
    // The first member of a request takes the others along.
    if (sequence->state == SequenceState::kWaiting) StartRequest(*sequence->request, chosen_by_strategy, batch);
  }

  ChargeMembers(occasion);
  if (chosen_by_strategy) strategy_.object->Dispatched(occasion, selection_, batch.predicted_seconds);
  backends_.Started(backend);
  if (observer_ != nullptr) observer_->Dispatched(batch);
  selection_.Clear(options_.max_batch_size);
  running_.push_back(batch);
  return batch;
}

// Moves the selected sequences of one request into the batch.
void Scheduler::StartRequest(PendingRequest& request, bool chosen_by_strategy, Batch& batch) {
  const auto selected = std::count_if(request.sequences.begin(), request.sequences.end(),
                                      [](const PendingSequence& sequence) { return sequence.selected; });
  const bool splits = selected < request.waiting;
  if (chosen_by_strategy) splits ? strategy_.object->BeforeSplit(request) : strategy_.object->Remove(request);
  for (PendingSequence& sequence : request.sequences) {
    if (!sequence.selected) continue;
    pending_.StartRunning(sequence);
    batch.members.push_back({request.id, sequence.index(), sequence.length});
  }
  request.last_dispatch = batch.dispatched;
  request.last_strategy = batch.strategy;
  if (!chosen_by_strategy) return;
  if (splits) {
    strategy_.object->AfterSplit(request);
  } else if (request.customer->waiting_requests == 0) {
    customers_.BecameUnbacklogged(*request.customer);
    heaviest_.Left(*request.customer);
  }
}

void Scheduler::ChargeMembers(const Occasion& occasion) {
  lengths_.clear();
  charges_.clear();
  for (const PendingSequence* const sequence : selection_.members()) lengths_.push_back(sequence->length);
  AirportCharges(occasion.cost, lengths_, selection_.paying(), charges_);
  for (std::size_t i = 0; i < charges_.size(); ++i) {
    if (charges_[i] <= 0) continue;
    Customer& customer = *selection_.members()[i]->request->customer;
    if (customer.unsettled_seconds == 0) payers_.push_back(&customer);
    customer.unsettled_seconds += charges_[i];
  }
  // Moving an account costs more than adding up.
  for (Customer* const customer : payers_) {
    const double seconds = std::exchange(customer->unsettled_seconds, 0);
    customers_.Charge(*customer, seconds);
    if (observer_ != nullptr) observer_->Charged(*customer, DecidingStrategy(), seconds);
  }
  payers_.clear();
}

// --- Complete ---

void Scheduler::Complete(BatchId id, const absl::Status& status, Time now, Effects& effects) {
  const auto found = std::find_if(running_.begin(), running_.end(), [&](const Batch& batch) { return batch.id == id; });
  assert(found != running_.end());
  Batch batch = std::move(*found);
  running_.erase(found);
  const Duration took = now - batch.dispatched;

  if (status.ok()) {
    retry_budget_.Earn(static_cast<std::uint32_t>(batch.members.size()), options_.retry_budget);
    backends_.Succeeded(batch.backend, batch, ToSeconds(took), options_.learn_costs, now);
  } else if (!TellsOnBackend(status)) {
    backends_.FailedForContent(batch.backend, now);
  } else if (AnybodyWaitsFor(batch) || IsOverdue(batch, took)) {
    backends_.Failed(batch.backend, now);
  } else {
    // It was abandoned in time. One that all callers gave up because it hung tells on the backend: else a backend that
    // hangs for longer than callers wait would be sent one batch after the other.
    backends_.Ended(batch.backend);
  }
  batch.dead = DeadMembersOf(batch);
  if (observer_ != nullptr) observer_->BatchEnded(batch, took, status);
  if (!status.ok()) {
    ReturnMembers(batch, status, now, effects);
    FailWaitingIfUnavailable(now, effects);
    return;
  }
  const BatchMember* before = nullptr;
  for (const BatchMember& member : batch.members) {
    PendingRequest* const request = pending_.Find(member.request);
    assert(request != nullptr);
    const bool first_of_request = before == nullptr || before->request != member.request;
    if (first_of_request) request->batch_sizes.push_back(static_cast<std::uint32_t>(batch.members.size()));
    RetireSequence(request->sequences[member.sequence], now, effects);
    before = &member;
  }
}

void Scheduler::RetireSequence(PendingSequence& sequence, Time now, Effects& effects) {
  PendingRequest& request = *sequence.request;
  pending_.StopRunning(sequence);
  if (request.finished) {
    Release(request);
    return;
  }
  if (request.waiting + request.alone + request.running > 0) return;

  const double since_last_answer = std::min(ToSeconds(now - last_answer_), 1.0);
  seconds_per_answer_ += kAnswerSmoothing * (since_last_answer - seconds_per_answer_);
  last_answer_ = now;
  Finish(request, Outcome::kAnswered, absl::OkStatus(), now, effects);
}

void Scheduler::ReturnMembers(const Batch& batch, const absl::Status& status, Time now, Effects& effects) {
  const bool backend_at_fault = TellsOnBackend(status);
  for (const BatchMember& member : batch.members) {
    PendingRequest* const request = pending_.Find(member.request);
    assert(request != nullptr);
    PendingSequence& sequence = request->sequences[member.sequence];
    // Who is alone is tried again once, so that this needs no budget: one bad sequence must not use up what keeps the
    // others from failing with it.
    const bool may_retry =
        !request->finished && (backend_at_fault ? sequence.attempts < options_.max_attempts && retry_budget_.Spend()
                                                : batch.members.size() > 1);
    if (!may_retry) {
      pending_.StopRunning(sequence);
      if (request->finished) {
        Release(*request);
      } else {
        Finish(*request, Outcome::kBackendFailed, status, now, effects);
      }
      continue;
    }
    if (!backend_at_fault) {
      pending_.ReturnToWaiting(sequence, true);
      retries_.push_back({member, batch.backend});
      continue;
    }
    Customer& customer = *request->customer;
    const bool was_backlogged = customer.waiting_requests > 0;
    if (request->waiting > 0) strategy_.object->Remove(*request);
    pending_.ReturnToWaiting(sequence, false);
    if (!was_backlogged) customers_.BecameBacklogged(customer);
    strategy_.object->Add(*request, true);
  }
}

// --- The end of a request ---

void Scheduler::Finish(PendingRequest& request, Outcome outcome, absl::Status status, Time now, Effects& effects) {
  Customer& customer = *request.customer;
  const bool was_backlogged = customer.waiting_requests > 0;
  if (request.waiting > 0) strategy_.object->Remove(request);
  pending_.Finish(request);
  if (was_backlogged && customer.waiting_requests == 0) {
    customers_.BecameUnbacklogged(customer);
    heaviest_.Left(customer);
  }

  Finished finished;
  finished.id = request.id;
  finished.outcome = outcome;
  finished.backend_status = std::move(status);
  finished.customer = customer.name;
  finished.arrival = request.arrival;
  if (!request.last_strategy.empty()) finished.last_dispatch = request.last_dispatch;
  finished.strategy = request.last_strategy.empty() ? DecidingStrategy() : request.last_strategy;
  finished.finish = now;
  finished.batch_sizes = request.batch_sizes;
  if (outcome == Outcome::kShed) finished.retry_after = EstimatedDrain(1 + options_.max_queued_requests / 10);
  ++outcomes_.by_outcome[static_cast<std::size_t>(outcome)];
  if (observer_ != nullptr) observer_->Ended(finished);
  effects.finished.push_back(std::move(finished));

  if (request.running > 0) AbandonBatchesOf(request, effects);
  Release(request);
}

void Scheduler::Release(PendingRequest& request) {
  Customer& customer = *request.customer;
  pending_.ReleaseIfIdle(request);
  if (!request.alive && customer.live_requests == 0) customers_.BecameIdle(customer);
}

std::uint32_t Scheduler::DeadMembersOf(const Batch& batch) {
  return static_cast<std::uint32_t>(
      std::count_if(batch.members.begin(), batch.members.end(), [&](const BatchMember& member) {
        const PendingRequest* const request = pending_.Find(member.request);
        return request == nullptr || request->finished;
      }));
}

bool Scheduler::AnybodyWaitsFor(const Batch& batch) { return DeadMembersOf(batch) < batch.members.size(); }

void Scheduler::AbandonBatchesOf(const PendingRequest& request, Effects& effects) {
  for (const Batch& batch : running_) {
    const bool holds_it = std::any_of(batch.members.begin(), batch.members.end(),
                                      [&](const BatchMember& member) { return member.request == request.id; });
    if (holds_it && !AnybodyWaitsFor(batch)) effects.abandoned.push_back(batch.id);
  }
}

void Scheduler::Cancel(RequestId id, Time now, Effects& effects) {
  PendingRequest* const request = pending_.Find(id);
  if (request == nullptr || request->finished) return;
  Finish(*request, Outcome::kCancelled, absl::OkStatus(), now, effects);
}

void Scheduler::Tick(Time now, Effects& effects) {
  while (PendingRequest* const request = pending_.AnyExpired(now)) {
    Finish(*request, Outcome::kExpired, absl::OkStatus(), now, effects);
  }
  FailWaitingIfUnavailable(now, effects);
}

void Scheduler::FailWaitingIfUnavailable(Time now, Effects& effects) {
  if (!backends_.Unavailable(now)) return;
  const absl::Status status = absl::UnavailableError("no backend can be reached");
  while (PendingRequest* const request = pending_.Oldest()) {
    Finish(*request, Outcome::kBackendFailed, status, now, effects);
  }
  // What waits to be tried again alone is in no order but this.
  for (; next_retry_ < retries_.size(); ++next_retry_) {
    PendingRequest* const request = pending_.Find(retries_[next_retry_].member.request);
    if (request != nullptr && request->alone > 0) Finish(*request, Outcome::kBackendFailed, status, now, effects);
  }
}

Time Scheduler::NextTick(Time now) const {
  const bool something_waits = pending_.waiting_requests() > 0 || next_retry_ < retries_.size();
  const Time unavailable = something_waits ? backends_.UnavailableAt() : kNever;
  // Once that time is past, it is the end of a batch that tells whether a backend is back.
  return std::min(pending_.EarliestDeadline(), unavailable > now ? unavailable : kNever);
}

void Scheduler::Close(Time now, Effects& effects) {
  accepting_ = false;
  std::uint32_t slot = 0;
  while (PendingRequest* const request = pending_.NextUnfinished(slot)) {
    Finish(*request, Outcome::kShutDown, absl::OkStatus(), now, effects);
  }
}

// --- Steering ---

void Scheduler::StartStrategy(const StrategySpecification& specification, Parameters parameters) {
  const std::string_view previous = strategy_.specification == nullptr ? std::string_view() : DecidingStrategy();
  // The old object unlinks everything when it goes; only then can the new one link it.
  strategy_.object.reset();
  strategy_.specification = &specification;
  strategy_.parameters = std::move(parameters);
  strategy_.object = specification.make(StrategyEnvironment{pending_, customers_, backends_, options_.max_batch_size},
                                        strategy_.parameters);
  TellOfEverything(pending_, *strategy_.object);
  ++generation_;
  if (observer_ != nullptr) {
    observer_->StrategyChanged(previous, DecidingStrategy(),
                               previous.empty() ? SwitchedBy::kStart : SwitchedBy::kAdmin);
  }
}

absl::Status Scheduler::Follow(std::string_view name) {
  const StrategySpecification* const specification = FindStrategy(name);
  const std::string_view previous = DecidingStrategy();
  if (specification == nullptr || !strategy_.object->Follow(*specification)) {
    return absl::FailedPreconditionError(absl::StrCat("strategy '", strategy_.specification->name, "' cannot follow '",
                                                      absl::string_view(name.data(), name.size()), "'"));
  }
  if (observer_ != nullptr && previous != specification->name) {
    observer_->StrategyChanged(previous, specification->name, SwitchedBy::kAdaptive);
  }
  return absl::OkStatus();
}

std::string_view Scheduler::DecidingStrategy() const {
  const std::string_view following = strategy_.object->Following();
  return following.empty() ? std::string_view(strategy_.specification->name) : following;
}

absl::StatusOr<StrategyChange> Scheduler::SetStrategy(const StrategyChoice& choice, std::uint64_t expected_generation,
                                                      bool validate_only) {
  absl::StatusOr<CheckedChoice> checked = CheckChoice(choice);
  if (!checked.ok()) return checked.status();
  if (expected_generation != 0 && expected_generation != generation_) {
    return absl::AbortedError(absl::StrCat("expected_generation is ", expected_generation, " but the current one is ",
                                           generation_, "; read GetStrategy and try again"));
  }
  StrategyChange change;
  change.previous = strategy();
  change.queued_requests = pending_.waiting_requests();
  change.current.name = checked->specification->name;
  for (const ParameterSpecification& parameter : checked->specification->parameters) {
    change.current.parameters[parameter.name] = FormatValue(parameter, checked->parameters[parameter.name]);
  }
  if (!validate_only) StartStrategy(*checked->specification, std::move(checked->parameters));
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

StrategyChoice Scheduler::strategy() const {
  StrategyChoice choice{strategy_.specification->name, {}};
  for (const ParameterSpecification& parameter : strategy_.specification->parameters) {
    choice.parameters[parameter.name] = FormatValue(parameter, strategy_.parameters[parameter.name]);
  }
  return choice;
}

}  // namespace smartbatch::scheduling
