#include "services/proxy/transport/customers/live_calls.h"

#include <chrono>
#include <utility>

namespace smartbatch::transport {
namespace {

// A request that comes together with its headers takes less than this, even in a burst.
constexpr std::chrono::milliseconds kMoment{300};
// A caller that reads its answers takes less than this.
constexpr std::chrono::seconds kLong{1};

}  // namespace

void LiveCalls::Enter() {
  const MutexLock lock(mutex_);
  ++count_;
  ++entered_;
}

void LiveCalls::Leave() {
  const MutexLock lock(mutex_);
  --count_;
  fewer_.notify_all();
}

bool LiveCalls::WaitForAtMost(std::size_t count, Duration timeout) {
  const MutexLock lock(mutex_);
  return fewer_.wait_for(mutex_, timeout, [this, count]() SMARTBATCH_REQUIRES(mutex_) { return count_ <= count; });
}

LiveCalls::Entrance LiveCalls::StartArriving(LiveCall& call, Time now) {
  constexpr std::size_t kShareForRefusals = 10;
  LiveCall* given_up = nullptr;
  Entrance entrance = Entrance::kAccepted;
  {
    const MutexLock lock(mutex_);
    given_up = MakeRoom(now);
    const std::size_t in_transit = arriving_.size() + leaving_.size();
    if (in_transit >= limits_.max_in_transit) {
      const bool room_to_refuse = in_transit < limits_.max_in_transit + limits_.max_in_transit / kShareForRefusals + 1;
      entrance = room_to_refuse ? Entrance::kRefused : Entrance::kHopeless;
    } else {
      call.since_ = now;
      call.arriving_ = true;
      arriving_.push_back(call);
    }
  }
  if (given_up != nullptr) given_up->GiveUpRequest(LiveCall::Reason::kCrowdedOut);
  return entrance;
}

LiveCall* LiveCalls::MakeRoom(Time now) {
  if (arriving_.size() >= limits_.max_slow_requests && HasLasted(arriving_, kMoment, now)) return &TakeOldestRequest();
  if (arriving_.size() + leaving_.size() < limits_.max_in_transit) return nullptr;
  if (HasLasted(leaving_, kLong, now)) {
    GiveUpOldestAnswer();
  } else if (HasLasted(arriving_, kLong, now)) {
    return &TakeOldestRequest();
  }
  return nullptr;
}

bool LiveCalls::StopArriving(LiveCall& call) {
  const MutexLock lock(mutex_);
  if (!std::exchange(call.arriving_, false)) return false;
  arriving_.erase(arriving_.iterator_to(call));
  return true;
}

void LiveCalls::StartLeaving(LiveCall& call, Time now) {
  const MutexLock lock(mutex_);
  call.since_ = now;
  leaving_.push_back(call);
}

void LiveCalls::StopLeaving(LiveCall& call) {
  const MutexLock lock(mutex_);
  if (call.is_linked()) leaving_.erase(leaving_.iterator_to(call));
}

void LiveCalls::Sweep(Time now) {
  while (true) {
    LiveCall* late = nullptr;
    {
      const MutexLock lock(mutex_);
      while (HasLasted(leaving_, limits_.timeout, now)) GiveUpOldestAnswer();
      if (!HasLasted(arriving_, limits_.timeout, now)) return;
      late = &TakeOldestRequest();
    }
    late->GiveUpRequest(LiveCall::Reason::kTooLate);
  }
}

LiveCalls::Counts LiveCalls::counts() const {
  const MutexLock lock(mutex_);
  return {.arriving = arriving_.size(),
          .leaving = leaving_.size(),
          .entered = entered_,
          .requests_given_up = requests_given_up_,
          .answers_given_up = answers_given_up_};
}

bool LiveCalls::HasLasted(const List& list, Duration time, Time now) const {
  return !list.empty() && now - list.front().since_ >= time;
}

LiveCall& LiveCalls::TakeOldestRequest() {
  LiveCall& call = arriving_.front();
  arriving_.pop_front();
  call.arriving_ = false;
  ++requests_given_up_;
  return call;
}

void LiveCalls::GiveUpOldestAnswer() {
  LiveCall& call = leaving_.front();
  leaving_.pop_front();
  ++answers_given_up_;
  call.GiveUpAnswer();
}

}  // namespace smartbatch::transport
