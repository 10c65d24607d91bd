#include "tests/support/scheduler_checker.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <variant>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "services/proxy/scheduling/model/batch_end.h"

namespace smartbatch::test {
namespace {

using scheduling::Outcome;

constexpr std::size_t kMostViolations = 20;

constexpr Duration kBusyForTooLong = std::chrono::minutes(1);
constexpr std::uint32_t kMostFalls = 2;

}  // namespace

bool SchedulerChecker::Request::Waits(State state) const {
  return std::any_of(sequences.begin(), sequences.end(), [&](const Sequence& s) { return s.state == state; });
}

bool SchedulerChecker::Request::IsDone() const {
  return std::all_of(sequences.begin(), sequences.end(), [](const Sequence& s) { return s.state == State::kDone; });
}

void SchedulerChecker::Violation(std::string what) {
  if (violations_.size() < kMostViolations) violations_.push_back(std::move(what));
}

std::string SchedulerChecker::Summary() const {
  std::string text;
  for (const std::string& violation : violations_) text += violation + '\n';
  return text;
}

SchedulerChecker::Request* SchedulerChecker::Find(scheduling::RequestId id) {
  const auto found = requests_.find(id.number);
  return found == requests_.end() || found->second.id != id ? nullptr : &found->second;
}

std::uint64_t SchedulerChecker::WaitingSequences() const {
  std::uint64_t waiting = 0;
  for (const auto& [number, request] : requests_) {
    waiting += static_cast<std::uint64_t>(std::count_if(request.sequences.begin(), request.sequences.end(),
                                                        [](const Sequence& s) { return s.state == State::kWaiting; }));
  }
  return waiting;
}

void SchedulerChecker::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  if (id > backends_.size()) Violation(absl::StrCat("backend ", id, " is added before others"));
  if (id >= backends_.size()) backends_.resize(id + 1);
  if (backends_[id].in_flight > 0) Violation(absl::StrCat("backend ", id, " takes the place of one that has batches"));
  backends_[id] = {.slots = backend.slots};
}

// --- Requests ---

void SchedulerChecker::Rejected(std::string_view, std::string_view, scheduling::RejectReason) { ++rejected_; }

void SchedulerChecker::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& pending) {
  if (pending.id.number <= last_number_) Violation(absl::StrCat("request ", pending.id.number, " is not a new number"));
  last_number_ = std::max(last_number_, pending.id.number);
  if (!slot_owners_.emplace(pending.id.slot, pending.id.number).second) {
    Violation(absl::StrCat("slot ", pending.id.slot, " of request ", pending.id.number, " is in use"));
  }
  Request& request = requests_[pending.id.number];
  request.id = pending.id;
  request.customer = customer.name;
  request.arrival = pending.arrival;
  request.deadline = pending.deadline;
  request.kind = pending.kind;
  request.due = pending.deadline;
  if (request.due == kNever) {
    request.due = Later(pending.arrival, customer.policy.latency_objective.value_or(options_.latency_objective));
  }
  request.sequences.clear();
  for (const scheduling::PendingSequence& sequence : pending.sequences) {
    request.sequences.push_back({sequence.length, State::kWaiting, 0});
  }
}

void SchedulerChecker::Ended(const scheduling::Finished& finished) {
  Request* const request = Find(finished.id);
  if (request == nullptr) {
    Violation(absl::StrCat("request ", finished.id.number, " ended twice, or never was"));
    return;
  }
  const auto fail = [&](const char* why) {
    Violation(
        absl::StrCat("request ", finished.id.number, " ended as ", std::string(Name(finished.outcome)), ": ", why));
  };
  if (finished.customer != request->customer) fail("for another customer");
  if (finished.arrival != request->arrival || finished.finish < request->arrival) fail("at an impossible time");
  if (finished.batch_sizes != request->batch_sizes) fail("with other batches than it was in");
  if (finished.last_dispatch.has_value() != request->last_reason.has_value() ||
      (request->last_reason && finished.reason != *request->last_reason)) {
    fail("with another reason than that of the last batch that it was in");
  }
  if (finished.due != request->due) fail("due at another time than it was");
  if (request->IsDone() != (finished.outcome == Outcome::kAnswered)) fail("which its sequences deny");
  switch (finished.outcome) {
    case Outcome::kAnswered:
      break;
    case Outcome::kRejected:
      fail("it had been accepted");
      break;
    case Outcome::kExpired:
      if (finished.hopeless) {
        if (!promises_.gives_up) fail("given up by a strategy that may not");
        if (!request->Waits(State::kWaiting)) fail("given up although nothing of it waited");
      } else if (finished.finish < request->deadline) {
        fail("before its deadline");
      }
      break;
    case Outcome::kCancelled:
      if (!any_cancel_ && cancelling_ != finished.id) fail("nobody cancelled it");
      break;
    case Outcome::kBackendFailed:
      if (finished.backend_status.ok()) fail("without an error");
      // Not if it waited for another try and ended because no backend could be reached.
      if (suspect_ == finished.id &&
          (!absl::IsUnavailable(finished.backend_status) || scheduling::HasFallen(finished.backend_status))) {
        charged_since_dispatch_ -= suspect_seconds_;
      }
      suspect_.reset();
      break;
    case Outcome::kShed:
      if (!request->Waits(State::kWaiting)) fail("nothing of it waited");
      if (requests_.size() < options_.max_queued_requests && options_.max_queued_bytes > 1'000'000 &&
          options_.max_queued_cost >= kNoCostLimit && !batch_of_minutes_) {
        fail("the queue was not full");
      }
      break;
    case Outcome::kShutDown:
      if (!closing_) fail("nobody closed the scheduler");
      break;
  }
  slot_owners_.erase(finished.id.slot);
  requests_.erase(finished.id.number);
  ++ended_;
  ++outcomes_[finished.outcome];
}

void SchedulerChecker::Refused(const scheduling::Rejection& rejection) {
  if (rejection.retry_after < Duration::zero()) Violation("a refused caller is told to come back before now");
}

// --- Batches ---

void SchedulerChecker::Charged(const scheduling::Customer&, std::string_view, double seconds) {
  if (!(seconds > 0)) Violation("a charge is not above 0");
  charged_since_dispatch_ += seconds;
}

// A batch whose sequences are all sent for the first time is paid for in full; sequences that are sent again pay
// nothing.
void SchedulerChecker::CheckCharges(const scheduling::Batch& batch) {
  std::size_t again = 0;
  for (const scheduling::BatchMember& member : batch.members) {
    const Request* const request = Find(member.request);
    if (request == nullptr || member.sequence >= request->sequences.size()) return;  // reported elsewhere
    if (request->sequences[member.sequence].was_sent) ++again;
  }
  const double slack = 1e-9 * (1 + batch.counted_seconds);
  const double least = again == 0 ? batch.counted_seconds : 0;
  const double most = again == batch.members.size() ? 0 : batch.counted_seconds;
  if (charged_since_dispatch_ < least - slack || charged_since_dispatch_ > most + slack) {
    Violation(absl::StrCat("batch ", batch.id, " costs ", batch.counted_seconds, ", ", again, " of its ",
                           batch.members.size(), " members are sent again, but ", charged_since_dispatch_,
                           " was charged"));
  }
  charged_since_dispatch_ = 0;
  suspect_.reset();
}

void SchedulerChecker::Dispatched(const scheduling::Batch& batch) {
  const std::string name = absl::StrCat("batch ", batch.id);
  if (batch.id <= last_batch_) Violation(name + " is not a new number");
  last_batch_ = std::max(last_batch_, batch.id);
  running_.insert(batch.id);
  if (batch.members.empty() || batch.members.size() > options_.max_batch_size) {
    Violation(absl::StrCat(name, " holds ", batch.members.size(), " sequences"));
  }
  KnownBackend& backend = backends_.at(batch.backend);
  if (++backend.in_flight > backend.slots) Violation(name + " goes to a backend without a free slot");
  if (backend.removed) Violation(name + " goes to a backend that was removed");
  if (!backend.healthy) Violation(name + " goes to a backend that is not well");
  if (backend.held_back) Violation(name + " goes to a backend that is held back");
  CheckCharges(batch);
  if (batch.timeout <= Duration::zero()) Violation(name + " has no time");

  const std::uint64_t waiting_before = WaitingSequences();
  std::set<std::uint64_t> touched;
  CheckMembers(batch, touched);
  if (batch.reason == scheduling::DispatchReason::kRetry) return;
  CheckWholeRequests(batch, touched, waiting_before);
  CheckRiders(batch);
  CheckOrder(batch, touched);
}

void SchedulerChecker::CheckMembers(const scheduling::Batch& batch, std::set<std::uint64_t>& touched) {
  const bool retry = batch.reason == scheduling::DispatchReason::kRetry;
  const State expected = retry ? State::kAlone : State::kWaiting;
  if (retry && batch.members.size() != 1) Violation(absl::StrCat("retry ", batch.id, " is not alone"));
  std::uint32_t longest = 0;
  for (const scheduling::BatchMember& member : batch.members) {
    longest = std::max(longest, member.length);
    Request* const request = Find(member.request);
    if (request == nullptr || member.sequence >= request->sequences.size()) {
      Violation(absl::StrCat("batch ", batch.id, " holds request ", member.request.number, ", which has ended"));
      continue;
    }
    const Request* const first = Find(batch.members.front().request);
    if (first != nullptr && request->kind != first->kind) {
      Violation(absl::StrCat("batch ", batch.id, " holds kinds ", first->kind, " and ", request->kind));
    }
    Sequence& sequence = request->sequences[member.sequence];
    if (sequence.state != expected) {
      Violation(absl::StrCat("batch ", batch.id, " holds sequence ", member.sequence, " of request ",
                             member.request.number, ", which does not wait for it"));
    }
    if (sequence.length != member.length) Violation(absl::StrCat("batch ", batch.id, " has a wrong length"));
    if (batch.dispatched < request->arrival)
      Violation(absl::StrCat("batch ", batch.id, " left before its members came"));
    sequence.state = State::kRunning;
    sequence.was_sent = true;
    if (!retry && ++sequence.attempts > 1) ++resent_;
    if (retry) ++sequence.attempts;
    request->last_reason = batch.reason;
    touched.insert(member.request.number);
  }
  if (static_cast<double>(resent_) > scheduling::RetryBudget::kMost + options_.retry_budget * double(served_)) {
    Violation(absl::StrCat(resent_, " sequences were sent again, after ", served_, " were served"));
  }
  if (longest != batch.longest) Violation(absl::StrCat("batch ", batch.id, " has a wrong longest length"));
}

void SchedulerChecker::CheckWholeRequests(const scheduling::Batch& batch, const std::set<std::uint64_t>& touched,
                                          std::uint64_t waiting_before) {
  if (batch.seats < options_.max_batch_size) return;  // its backend takes fewer than others
  const bool uncontended =
      waiting_before <= options_.max_batch_size && batch.reason != scheduling::DispatchReason::kLane;
  using Requests = scheduling::StrategyPromises::Requests;
  const bool always = promises_.requests == Requests::kWhole;
  if (!always && !(promises_.requests == Requests::kWholeIfUncontended && uncontended)) return;
  for (const std::uint64_t number : touched) {
    if (!requests_.at(number).Waits(State::kWaiting)) continue;
    const bool fills_it = touched.size() == 1 && batch.members.size() == options_.max_batch_size;
    if (fills_it) continue;  // it has more than a batch holds
    const std::string what = absl::StrCat("batch ", batch.id, " splits request ", number);
    if (always) {
      Violation(what);
    } else {
      split_.emplace_back(batch.backend, what);
    }
  }
}

void SchedulerChecker::CheckRiders(const scheduling::Batch& batch) {
  riders_ += batch.riders;
  if (promises_.riders_are_no_longer && batch.longest > batch.longest_chosen) {
    Violation(absl::StrCat("batch ", batch.id, " is for sequences of at most ", batch.longest_chosen,
                           " characters and takes one of ", batch.longest, " along"));
  }
}

void SchedulerChecker::CheckOrder(const scheduling::Batch& batch, const std::set<std::uint64_t>& touched) {
  using Order = scheduling::StrategyPromises::Order;
  if (promises_.order == Order::kNone || touched.empty()) return;
  const bool over_all = promises_.order == Order::kOverAll;
  // Others of another kind may have been left behind.
  const std::uint32_t kind = requests_.at(*touched.begin()).kind;
  std::map<std::string, std::uint64_t> youngest;
  for (const std::uint64_t number : touched) {
    std::uint64_t& last = youngest[over_all ? "" : requests_.at(number).customer];
    last = std::max(last, number);
  }
  for (const auto& [number, request] : requests_) {
    const auto last = youngest.find(over_all ? "" : request.customer);
    if (request.kind == kind && last != youngest.end() && number < last->second && request.Waits(State::kWaiting)) {
      Violation(absl::StrCat("batch ", batch.id, " takes request ", last->second, " before ", number));
    }
  }
}

void SchedulerChecker::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  if (running_.erase(batch.id) == 0) {
    Violation(absl::StrCat("batch ", batch.id, " ended but did not run"));
    return;
  }
  --backends_.at(batch.backend).in_flight;
  batch_of_minutes_ = batch_of_minutes_ || took > std::chrono::minutes(1);
  const auto dead = std::count_if(batch.members.begin(), batch.members.end(),
                                  [&](const scheduling::BatchMember& m) { return Find(m.request) == nullptr; });
  if (dead != batch.dead)
    Violation(absl::StrCat("batch ", batch.id, " counts ", batch.dead, " dead members, not ", dead));
  if (took < Duration::zero()) Violation(absl::StrCat("batch ", batch.id, " took less than no time"));
  if (status.ok()) {
    Succeeded(batch);
  } else {
    Failed(batch, took, status);
  }
}

void SchedulerChecker::Succeeded(const scheduling::Batch& batch) {
  served_ += batch.members.size();
  backends_.at(batch.backend).busy_since.reset();
  std::set<std::uint64_t> touched;
  for (const scheduling::BatchMember& member : batch.members) {
    Request* const request = Find(member.request);
    if (request == nullptr) continue;
    request->sequences[member.sequence].state = State::kDone;
    if (touched.insert(member.request.number).second) {
      request->batch_sizes.push_back(static_cast<std::uint32_t>(batch.members.size()));
    }
  }
}

SchedulerChecker::Told SchedulerChecker::WhatIsTold(const scheduling::Batch& batch, Duration took,
                                                    const absl::Status& status) {
  if (absl::IsResourceExhausted(status)) {
    KnownBackend& backend = backends_.at(batch.backend);
    const Time now = batch.dispatched + took;
    if (!backend.busy_since || now >= backend.busy_until) backend.busy_since = now;
    backend.busy_until =
        Later(now, std::max<Duration>(std::chrono::seconds(10), FromSeconds(32 * batch.counted_seconds)));
    return now - *backend.busy_since >= kBusyForTooLong ? Told::kBackendFailed : Told::kBusy;
  }
  if (absl::IsUnavailable(status)) return scheduling::HasFallen(status) ? Told::kFell : Told::kBackendFailed;
  if (absl::IsDeadlineExceeded(status) || absl::IsCancelled(status)) return Told::kBackendFailed;
  return Told::kBadMember;
}

void SchedulerChecker::Failed(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  const Told told = WhatIsTold(batch, took, status);
  const bool tells_on_member = told == Told::kFell || told == Told::kBadMember;
  const bool was_alone = batch.reason == scheduling::DispatchReason::kRetry;
  suspect_.reset();
  if (tells_on_member && was_alone) {
    suspect_ = batch.members.front().request;
    suspect_seconds_ = batch.counted_seconds;
  }
  bool has_other = false;
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    has_other = has_other || (i != batch.backend && !backends_[i].removed && backends_[i].healthy);
  }
  for (const scheduling::BatchMember& member : batch.members) {
    Request* const request = Find(member.request);
    if (request == nullptr) continue;
    Sequence& sequence = request->sequences[member.sequence];
    sequence.state = tells_on_member || was_alone ? State::kAlone : State::kWaiting;
    if (told == Told::kBusy) {
      --sequence.attempts;
      continue;
    }
    if (told == Told::kFell) ++sequence.falls;
    const bool attempts_left = sequence.attempts < options_.max_attempts;
    bool may_retry = attempts_left;
    if (told == Told::kFell) may_retry = attempts_left && sequence.falls < kMostFalls;
    if (told == Told::kBadMember) may_retry = batch.members.size() > 1 || (attempts_left && has_other);
    request->must_fail = request->must_fail || !may_retry;
  }
}

// --- After each event ---

void SchedulerChecker::Settled(const scheduling::Scheduler& scheduler, const scheduling::Step& answer, Time now) {
  cancelling_.reset();
  for (const auto& [backend, what] : split_) {
    if (scheduler.backends().backends()[backend].cost.RidersAreFree()) Violation(what);
  }
  split_.clear();
  for (const auto& [number, request] : requests_) {
    if (request.must_fail) Violation(absl::StrCat("request ", number, " has had its last attempt and goes on"));
    if (request.IsDone()) Violation(absl::StrCat("request ", number, " has all its results and no answer"));
  }
  const scheduling::PendingSet& pending = scheduler.pending();
  if (pending.waiting_sequences() != WaitingSequences()) {
    Violation(absl::StrCat(pending.waiting_sequences(), " sequences wait in the scheduler, ", WaitingSequences(),
                           " in the books"));
  }
  if (pending.unfinished_requests() != requests_.size()) {
    Violation(absl::StrCat(pending.unfinished_requests(), " requests are unfinished in the scheduler, ",
                           requests_.size(), " in the books"));
  }
  if (scheduler.running_batches() != running_.size()) Violation("the running batches differ from the books");

  const scheduling::OutcomeCounts& counts = scheduler.outcomes();
  std::uint64_t sum = requests_.size();
  for (int i = 0; i < scheduling::kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    const std::uint64_t expected = outcome == Outcome::kRejected ? rejected_ : outcomes_[outcome];
    if (counts[outcome] != expected) Violation(absl::StrCat("the count of ", std::string(Name(outcome)), " is wrong"));
    sum += counts[outcome];
  }
  if (counts.offered != sum) Violation(absl::StrCat(counts.offered, " were offered but ", sum, " are accounted for"));
  CheckWaitingWork(scheduler);
  CheckWork(scheduler, answer, now);
}

void SchedulerChecker::CheckWaitingWork(const scheduling::Scheduler& scheduler) {
  std::map<std::string_view, std::uint64_t> work;
  for (const auto& [number, request] : requests_) {
    for (const Sequence& sequence : request.sequences) {
      if (sequence.state == State::kWaiting) work[request.customer] += scheduler.pending().WorkOf(sequence.length);
    }
  }
  scheduler.customers().ForEach([&](const scheduling::Customer& customer) {
    if (customer.waiting_work == work[customer.name]) return;
    Violation(absl::StrCat("customer ", customer.name, " has ", customer.waiting_work, " ns of work waiting, but ",
                           work[customer.name], " in the books"));
  });
}

void SchedulerChecker::CheckWork(const scheduling::Scheduler& scheduler, const scheduling::Step& answer, Time now) {
  const auto* const wait = std::get_if<scheduling::AskAgainAt>(&answer);
  if (wait != nullptr && wait->time <= now) Violation("it asks to be asked again at once");
  const bool retries = std::any_of(requests_.begin(), requests_.end(),
                                   [](const auto& entry) { return entry.second.Waits(State::kAlone); });
  if (!retries && WaitingSequences() == 0) return;

  double largest_cost = 0;
  std::size_t usable = 0;
  std::size_t free = 0;
  bool rests_or_has_suspects = false;
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    const scheduling::Backend& backend = scheduler.backends().backends()[i];
    const KnownBackend& known = backends_[i];
    if (known.removed || !known.healthy || backend.paused_until > now) continue;
    ++usable;
    rests_or_has_suspects = rests_or_has_suspects || backend.rests_until > now || backend.suspects > 0;
    if (backend.rests_until > now || known.held_back) continue;
    const bool in_doubt = backend.failures > 0 && known.in_flight > 0;
    if (!in_doubt && known.in_flight < known.slots) ++free;
    largest_cost = std::max(largest_cost, backend.cost.Seconds(options_.max_batch_size, options_.max_sequence_length));
  }
  // A sequence that is tried again alone may wait for another backend than the one that has failed it, or for one
  // without another suspect.
  const bool retries_may_wait = (free == 1 && usable > 1) || rests_or_has_suspects;
  if (free == 0 || (WaitingSequences() == 0 && retries_may_wait)) return;
  const Duration patience =
      retries && !retries_may_wait ? Duration::zero() : promises_.linger + FromSeconds(promises_.hold * largest_cost);
  if (wait == nullptr || wait->time > Later(now, patience)) {
    Violation(absl::StrCat("a slot stays idle although ", WaitingSequences(), " sequences wait"));
  }
}

}  // namespace smartbatch::test
