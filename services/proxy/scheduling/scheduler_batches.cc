// How a batch starts, and what its end means for its members and its backend.
#include <algorithm>
#include <cassert>
#include <chrono>
#include <string>

#include <absl/strings/str_cat.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

// A sequence is not sent again when this many backends have fallen while they had it.
constexpr std::uint8_t kMostFalls = 2;

// The status for the caller of a sequence that is not sent again. UNAVAILABLE would make the caller retry a sequence
// that may well have crashed the backends.
absl::Status StatusFor(const PendingSequence& sequence, const absl::Status& status) {
  if (sequence.falls < kMostFalls) return status;
  return absl::InternalError(absl::StrCat("the connection was lost ", static_cast<int>(sequence.falls),
                                          " times while a backend had this sequence, the last time while it was "
                                          "alone; it is not sent again: ",
                                          status.message()));
}

}  // namespace

// --- The start ---

void Scheduler::Predict(Batch& batch, const CostModel& cost) const {
  constexpr Duration kShortest = std::chrono::seconds(1);
  constexpr double kOverdueFactor = 3;
  constexpr double kOverdueAllowance = 0.25;  // seconds
  const BelievedCost believed = backends_.CostOf(batch.backend, batch.longest);
  batch.predicted_seconds = cost.Seconds(batch.members.size(), batch.longest);
  batch.counted_seconds = believed.CountedSeconds(batch.members.size(), batch.longest);
  Duration least = options_.batch_timeout_minimum;
  if (!believed.Knows(batch.longest)) {
    // The operator's minimum is all that anybody has said about the time of such a batch. If it is assumed to take
    // longer it gets more, so that a slow model can serve long texts before it has taught their cost; but not without
    // bound, so that a hung one is found.
    const double assumed = std::min(batch.predicted_seconds, ToSeconds(least));
    batch.timeout = std::max(least, FromSeconds(options_.batch_timeout_factor * assumed));
    batch.overdue_after = least;
    return;
  }
  if (backends_.KnowsTimeOf(batch.backend, batch.longest)) least = std::min(least, kShortest);
  batch.timeout = std::max(least, FromSeconds(options_.batch_timeout_factor * batch.counted_seconds));
  batch.overdue_after = FromSeconds(kOverdueAllowance + kOverdueFactor * batch.counted_seconds);
}

Batch Scheduler::Dispatch(const Occasion& occasion, BackendId backend) {
  const std::vector<PendingSequence*>& members = selection_.members();
  const bool chosen_by_strategy = selection_.reason() != DispatchReason::kRetry;

  Batch batch;
  batch.id = ++batches_;
  batch.backend = backend;
  batch.seats = occasion.max_batch_size;
  batch.longest = selection_.longest();
  batch.riders = static_cast<std::uint32_t>(members.size() - selection_.chosen());
  batch.longest_chosen = selection_.longest_chosen();
  batch.reason = selection_.reason();
  batch.strategy = DecidingStrategy();
  batch.dispatched = occasion.now;
  if (!chosen_by_strategy) {
    batch.failed_before = lone_retries_.failed_before();
    batch.suspect = members.front()->falls > 0;
    batch.refused_batch = lone_retries_.refused_batch();
  }
  batch.members.reserve(members.size());
  for (const PendingSequence* const sequence : members) {
    // The first member of a request takes the request's other members along.
    if (sequence->state == SequenceState::kWaiting) StartRequest(*sequence->request, chosen_by_strategy, batch);
  }

  Predict(batch, occasion.cost);
  const double counted = batch.predicted_seconds > 0 ? batch.counted_seconds / batch.predicted_seconds : 1;
  bill_.Settle(selection_, occasion.cost,
               [&](Customer& customer, double seconds) { Charge(customer, counted * seconds); });
  if (chosen_by_strategy) strategy_->Dispatched(occasion, selection_, batch.counted_seconds);
  backends_.Started(backend, batch.suspect);
  if (observer_ != nullptr) observer_->Dispatched(batch);
  selection_.Clear(options_.max_batch_size);
  running_.Add(batch);
  return batch;
}

void Scheduler::Charge(Customer& customer, double seconds) {
  customers_.Charge(customer, seconds);
  if (observer_ != nullptr) observer_->Charged(customer, DecidingStrategy(), seconds);
}

// Moves the selected sequences of one request into the batch.
void Scheduler::StartRequest(PendingRequest& request, bool chosen_by_strategy, Batch& batch) {
  const auto selected = std::count_if(request.sequences.begin(), request.sequences.end(),
                                      [](const PendingSequence& sequence) { return sequence.selected; });
  const bool splits = selected < request.waiting;
  if (chosen_by_strategy && splits) strategy_->BeforeSplit(request);
  if (chosen_by_strategy && !splits) strategy_->Remove(request);
  pending_.StartSelected(request);
  for (const PendingSequence& sequence : request.sequences) {
    if (sequence.selected) batch.members.push_back({request.id, sequence.index(), sequence.length});
  }
  request.last_dispatch = batch.dispatched;
  request.last_strategy = batch.strategy;
  request.last_reason = batch.reason;
  if (!chosen_by_strategy) return;
  if (splits) {
    strategy_->AfterSplit(request);
  } else if (request.customer->waiting_requests == 0) {
    customers_.BecameUnbacklogged(*request.customer, batch.dispatched);
    admission_.NothingWaitsOf(*request.customer);
  }
}

// --- The end ---

void Scheduler::Complete(BatchId id, const absl::Status& status, Time now, Effects& effects) {
  const Batch batch = running_.Take(id);
  const Duration took = now - batch.dispatched;
  Verdict verdict = VerdictOf(status);
  if (verdict == Verdict::kBusy && backends_.RefusedForTooLong(batch.backend, batch, now)) verdict = Verdict::kBackend;
  TellBackend(batch, verdict, took, now);
  if (observer_ != nullptr) observer_->BatchEnded(batch, took, status);
  const bool maybe_too_large = LearnSizeLimit(batch, status, now);
  if (verdict == Verdict::kServed) trouble_.clear();
  const bool blames_backend = verdict == Verdict::kBackend || verdict == Verdict::kFell;
  if (blames_backend && !absl::IsCancelled(status)) trouble_ = std::string(status.message());
  if (verdict != Verdict::kServed) {
    ReturnMembers(batch, verdict, status, maybe_too_large, now, effects);
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

void Scheduler::TellBackend(const Batch& batch, Verdict verdict, Duration took, Time now) {
  if (batch.suspect) backends_.SuspectEnded(batch.backend);
  switch (verdict) {
    case Verdict::kServed:
      retry_budget_.Earn(static_cast<std::uint32_t>(batch.members.size()), options_.retry_budget);
      return backends_.Succeeded(batch.backend, batch, ToSeconds(took), options_.learn_costs, now);
    case Verdict::kBusy:
      return backends_.Busy(batch.backend, batch, now);
    case Verdict::kContent:
      return backends_.FailedForContent(batch.backend, now);
    case Verdict::kBackend:
    case Verdict::kFell:
      break;
  }
  // A batch that was abandoned in time says nothing. If all callers gave up because it hung, that blames the backend:
  // otherwise a backend that hangs for longer than callers wait would get one batch after the other.
  if (batch.dead < batch.members.size() || IsOverdue(batch, took)) {
    backends_.Failed(batch.backend, now);
  } else {
    backends_.Ended(batch.backend);
  }
}

bool Scheduler::LearnSizeLimit(const Batch& batch, const absl::Status& status, Time now) {
  const bool refused = absl::IsInvalidArgument(status) || absl::IsOutOfRange(status);
  if (refused && batch.members.size() > 1 && batch.dead == 0) {
    backends_[batch.backend].size_limit.Refused(batch.id, static_cast<std::uint32_t>(batch.members.size()), now);
    return true;
  }
  if (batch.refused_batch == 0) return false;
  BatchSizeLimit& limit = backends_[batch.failed_before].size_limit;
  if (!status.ok()) {
    if (VerdictOf(status) != Verdict::kBusy) limit.FailedAlone(batch.refused_batch);
  } else if (const auto sequences = limit.ServedAlone(batch.refused_batch, now)) {
    if (observer_ != nullptr) observer_->BatchTooLarge(batch.failed_before, *sequences, limit.known());
  }
  return false;
}

void Scheduler::RetireSequence(PendingSequence& sequence, Time now, Effects& effects) {
  PendingRequest& request = *sequence.request;
  pending_.StopRunning(sequence);
  if (request.finished) {
    Release(request);
    return;
  }
  if (request.waiting + request.alone + request.running > 0) return;
  admission_.Answered(request, now);
  Finish(request, Outcome::kAnswered, absl::OkStatus(), now, effects);
}

bool Scheduler::MayRetry(const PendingSequence& sequence, const Batch& batch, Verdict verdict, Time now) {
  const bool attempts_left = sequence.attempts < options_.max_attempts;
  switch (verdict) {
    case Verdict::kServed:
    case Verdict::kBusy:
      return true;
    case Verdict::kBackend:
      return attempts_left && retry_budget_.Spend();
    case Verdict::kFell:
      // Needs no budget, since it is retried at most once.
      return attempts_left && sequence.falls < kMostFalls;
    case Verdict::kContent:
      // Needs no budget: otherwise one bad sequence would use up the budget that keeps the others from failing with it.
      // A sequence that failed alone is itself to blame, unless the backend is bad.
      return batch.members.size() > 1 || (attempts_left && backends_.HasOther(batch.backend, now));
  }
  return false;
}

void Scheduler::ReturnMembers(const Batch& batch, Verdict verdict, const absl::Status& status, bool maybe_too_large,
                              Time now, Effects& effects) {
  const bool was_alone = batch.reason == DispatchReason::kRetry;
  const bool tells_on_member = verdict == Verdict::kContent || verdict == Verdict::kFell;
  for (const BatchMember& member : batch.members) {
    PendingRequest* const request = pending_.Find(member.request);
    assert(request != nullptr);
    PendingSequence& sequence = request->sequences[member.sequence];
    if (verdict == Verdict::kFell) ++sequence.falls;
    if (request->finished) {
      pending_.StopRunning(sequence);
      Release(*request);
      continue;
    }
    if (!MayRetry(sequence, batch, verdict, now)) {
      pending_.StopRunning(sequence);
      // It was tried alone, so it is bad itself: its customer pays for that.
      const bool convicted = was_alone && tells_on_member;
      if (convicted && batch.counted_seconds > 0) Charge(*request->customer, batch.counted_seconds);
      Finish(*request, Outcome::kBackendFailed, StatusFor(sequence, status), now, effects);
      continue;
    }
    if (verdict == Verdict::kBusy) --sequence.attempts;
    // A suspect stays alone until it is served, whatever else happens to it.
    if (was_alone || tells_on_member) {
      pending_.ReturnToWaiting(sequence, true);
      const bool busy = verdict == Verdict::kBusy;
      const BatchId refused = maybe_too_large ? batch.id : busy ? batch.refused_batch : 0;
      lone_retries_.Add(member, busy ? batch.failed_before : batch.backend, refused);
    } else {
      ReturnToStrategy(sequence, now);
    }
  }
}

void Scheduler::ReturnToStrategy(PendingSequence& sequence, Time now) {
  PendingRequest& request = *sequence.request;
  Customer& customer = *request.customer;
  const bool was_backlogged = customer.waiting_requests > 0;
  if (request.waiting > 0) strategy_->Remove(request);
  pending_.ReturnToWaiting(sequence, false);
  if (!was_backlogged) customers_.BecameBacklogged(customer, strategy_->lag_allowance(), now);
  strategy_->Add(request, true);
}

}  // namespace smartbatch::scheduling
