#include "services/proxy/scheduling/queue/pending_set.h"

#include <algorithm>
#include <cassert>

namespace smartbatch::scheduling {
namespace {

// A free slot keeps the memory for this many sequences.
constexpr std::size_t kMostKeptSequences = 64;

std::uint64_t Microseconds(Time time) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

// Links `request` into a list that is ordered by number, searching from the old end: requests that come back are old.
template <class List>
void InsertInOrder(List& list, PendingRequest& request) {
  auto place = list.begin();
  while (place != list.end() && place->id.number < request.id.number) ++place;
  list.insert(place, request);
}

template <class List>
void InsertByNumber(List& list, PendingRequest& request) {
  if (list.empty() || list.back().id.number < request.id.number) {
    list.push_back(request);
  } else {
    InsertInOrder(list, request);
  }
}

template <class List>
PendingRequest* NextIn(const PendingRequest& request, const IndexHook& hook) {
  if (!hook.is_linked()) return nullptr;
  // The end of a list looks like a node, so the caller compares with the last node first.
  return &*std::next(List::s_iterator_to(const_cast<PendingRequest&>(request)));
}

}  // namespace

PendingSet::~PendingSet() {
  by_arrival_.clear();
  for (PendingRequest& request : slots_) {
    if (request.customer_hook.is_linked()) request.customer->waiting.erase(CustomerList::s_iterator_to(request));
  }
}

PendingRequest* PendingSet::Oldest() const {
  return by_arrival_.empty() ? nullptr : const_cast<PendingRequest*>(&by_arrival_.front());
}

PendingRequest* PendingSet::Younger(const PendingRequest& request) const {
  if (&request == &by_arrival_.back()) return nullptr;
  return NextIn<ArrivalList>(request, request.arrival_hook);
}

PendingRequest* PendingSet::OldestOf(const Customer& customer) {
  return customer.waiting.empty() ? nullptr : const_cast<PendingRequest*>(&customer.waiting.front());
}

PendingRequest* PendingSet::YoungerOfCustomer(const PendingRequest& request) {
  if (&request == &request.customer->waiting.back()) return nullptr;
  return NextIn<CustomerList>(request, request.customer_hook);
}

PendingRequest& PendingSet::Insert(Customer& customer, const Arrival& arrival, const QueueUse& use,
                                   std::uint64_t number, Time now) {
  std::uint32_t slot = 0;
  if (free_slots_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    slot = free_slots_.back();
    free_slots_.pop_back();
  }
  PendingRequest& request = slots_[slot];
  assert(!request.alive);
  request.id = {number, slot};
  request.kind = arrival.kind;
  request.customer = &customer;
  request.arrival = now;
  request.deadline = arrival.deadline;
  request.use = use;
  request.sequences.resize(arrival.lengths.size());
  request.longest_waiting = 0;
  for (std::size_t i = 0; i < arrival.lengths.size(); ++i) {
    PendingSequence& sequence = request.sequences[i];
    sequence.request = &request;
    sequence.length = arrival.lengths[i];
    sequence.state = SequenceState::kWaiting;
    sequence.selected = false;
    sequence.alone = false;
    sequence.settled = false;
    sequence.attempts = 0;
    sequence.falls = 0;
    request.longest_waiting = std::max(request.longest_waiting, sequence.length);
    customer.waiting_work += WorkOf(sequence.length);
  }
  request.longest_at_arrival = request.longest_waiting;
  request.waiting = static_cast<std::uint32_t>(arrival.lengths.size());
  request.alone = 0;
  request.running = 0;
  request.alive = true;
  request.finished = false;
  request.last_strategy = {};
  request.batch_sizes.clear();
  request.strategy_rank = 0;
  request.strategy_mark = 0;

  unfinished_ += request.use;
  customer.unfinished += request.use;
  ++customer.live_requests;
  waiting_sequences_ += request.waiting;
  customer.waiting_sequences += request.waiting;
  LinkWaiting(request);
  if (request.deadline != kNever) deadlines_.insert({request.deadline, request.id});
  return request;
}

void PendingSet::MeasureWorkBy(const BelievedCost& cost) {
  work_ = cost;
  for (const PendingRequest& request : by_arrival_) request.customer->waiting_work = 0;
  for (const PendingRequest& request : by_arrival_) {
    for (const PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) request.customer->waiting_work += WorkOf(sequence.length);
    }
  }
}

PendingRequest* PendingSet::Find(RequestId id) {
  if (id.slot >= slots_.size()) return nullptr;
  PendingRequest& request = slots_[id.slot];
  return request.alive && request.id == id ? &request : nullptr;
}

void PendingSet::LinkWaiting(PendingRequest& request) {
  InsertByNumber(by_arrival_, request);
  InsertByNumber(request.customer->waiting, request);
  ++waiting_requests_;
  sum_of_arrivals_ += Microseconds(request.arrival);
  ++request.customer->waiting_requests;
}

void PendingSet::UnlinkWaiting(PendingRequest& request) {
  by_arrival_.erase(ArrivalList::s_iterator_to(request));
  request.customer->waiting.erase(CustomerList::s_iterator_to(request));
  --waiting_requests_;
  sum_of_arrivals_ -= Microseconds(request.arrival);
  --request.customer->waiting_requests;
}

Duration PendingSet::MeanAge(Time now) const {
  if (waiting_requests_ == 0) return Duration::zero();
  const std::uint64_t sum = Microseconds(now) * waiting_requests_ - sum_of_arrivals_;
  return std::chrono::microseconds(sum / waiting_requests_);
}

void PendingSet::RecomputeLongestWaiting(PendingRequest& request) {
  request.longest_waiting = 0;
  for (const PendingSequence& sequence : request.sequences) {
    if (sequence.state != SequenceState::kWaiting || sequence.alone) continue;
    request.longest_waiting = std::max(request.longest_waiting, sequence.length);
  }
}

void PendingSet::StartSelected(PendingRequest& request) {
  const std::uint32_t waiting_before = request.waiting;
  bool loses_longest = false;
  for (PendingSequence& sequence : request.sequences) {
    if (!sequence.selected) continue;
    loses_longest = loses_longest || sequence.length == request.longest_waiting;
    StartRunning(sequence);
  }
  if (request.waiting == waiting_before) return;  // it was tried again alone
  if (request.waiting == 0) {
    request.longest_waiting = 0;
    UnlinkWaiting(request);
  } else if (loses_longest) {
    RecomputeLongestWaiting(request);
  }
}

void PendingSet::StartRunning(PendingSequence& sequence) {
  PendingRequest& request = *sequence.request;
  assert(sequence.state == SequenceState::kWaiting && !request.finished);
  sequence.state = SequenceState::kRunning;
  ++sequence.attempts;
  ++request.running;
  if (sequence.alone) {
    sequence.alone = false;
    --request.alone;
    return;
  }
  --request.waiting;
  --waiting_sequences_;
  --request.customer->waiting_sequences;
  request.customer->waiting_work -= WorkOf(sequence.length);
}

void PendingSet::ReturnToWaiting(PendingSequence& sequence, bool alone) {
  PendingRequest& request = *sequence.request;
  assert(sequence.state == SequenceState::kRunning && !request.finished);
  sequence.state = SequenceState::kWaiting;
  sequence.alone = alone;
  --request.running;
  if (alone) {
    ++request.alone;
    return;
  }
  if (request.waiting == 0) LinkWaiting(request);
  ++request.waiting;
  ++waiting_sequences_;
  ++request.customer->waiting_sequences;
  request.customer->waiting_work += WorkOf(sequence.length);
  request.longest_waiting = std::max(request.longest_waiting, sequence.length);
}

void PendingSet::StopRunning(PendingSequence& sequence) {
  assert(sequence.state == SequenceState::kRunning);
  sequence.state = SequenceState::kDone;
  --sequence.request->running;
}

void PendingSet::Finish(PendingRequest& request) {
  assert(request.alive && !request.finished);
  request.finished = true;
  unfinished_ -= request.use;
  request.customer->unfinished -= request.use;
  if (request.deadline != kNever) deadlines_.erase({request.deadline, request.id});
  if (request.waiting > 0) {
    waiting_sequences_ -= request.waiting;
    request.customer->waiting_sequences -= request.waiting;
    for (const PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) request.customer->waiting_work -= WorkOf(sequence.length);
    }
    request.waiting = 0;
    request.longest_waiting = 0;
    UnlinkWaiting(request);
  }
  request.alone = 0;
}

void PendingSet::ReleaseIfIdle(PendingRequest& request) {
  if (!request.finished || request.running > 0) return;
  --request.customer->live_requests;
  request.alive = false;
  request.customer = nullptr;
  // The next request in the slot is hardly as large; and requests could otherwise make every slot as large as the
  // largest.
  if (request.sequences.size() > kMostKeptSequences) {
    request.sequences.clear();
    request.sequences.shrink_to_fit();
    request.batch_sizes.clear();
    request.batch_sizes.shrink_to_fit();
  }
  free_slots_.push_back(request.id.slot);
}

Time PendingSet::EarliestDeadline() const { return deadlines_.empty() ? kNever : deadlines_.begin()->time; }

PendingRequest* PendingSet::AnyExpired(Time now) {
  if (deadlines_.empty() || deadlines_.begin()->time > now) return nullptr;
  return Find(deadlines_.begin()->id);
}

PendingRequest* PendingSet::NextUnfinished(std::uint32_t& slot) {
  for (; slot < slots_.size(); ++slot) {
    if (slots_[slot].alive && !slots_[slot].finished) return &slots_[slot];
  }
  return nullptr;
}

}  // namespace smartbatch::scheduling
