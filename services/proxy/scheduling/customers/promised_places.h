// Places in a full queue that were promised to refused callers.
#pragma once

#include <cstddef>
#include <cstdint>

#include <absl/container/btree_set.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/queue_limits.h"

namespace smartbatch::scheduling {

// Remembers which calls were asked to come back when. Nothing in a call says that it is a second try, so a promise is
// recognized by a key that the owner computes from the request: a call with that key, at the promised time or shortly
// after it, is taken for the one that was promised the place. A call that has not come kGrace after its time has lost
// it.
//
// Holds up to `most` promises; more are not remembered. Adding, taking and forgetting are logarithmic. Times handed in
// must not go backwards. Not thread safe.
class PromisedPlaces {
 public:
  // Allows for the way to the caller and back, and for late timers.
  static constexpr Duration kGrace = std::chrono::milliseconds(250);

  explicit PromisedPlaces(std::size_t most) : most_(most) {}

  // Forgets promises whose time is past by more than kGrace. Call it before the other functions.
  void Forget(Time now);

  bool empty() const { return by_time_.empty(); }
  std::size_t size() const { return by_time_.size(); }
  // What the outstanding promises take of the queue, scaled to the share of callers that are expected to come.
  QueueUse All() const { return Expected(all_); }
  // The same for promises that are due before `until`; an `until` that is earlier than in a previous call counts as
  // that one.
  QueueUse Until(Time until);
  // Returns true if there is a promise under this key, due or not.
  bool Knows(std::uint64_t key) const;
  // The share of the promised places that are taken, over about the last thirty: 1 at first.
  double kept() const { return kept_; }

  // Returns true if a place that is due is promised under this key.
  bool Has(std::uint64_t key, Time now) const;
  // Takes that place, the one with the earliest time if there are several. Does nothing if there is none.
  void Take(std::uint64_t key, Time now);
  void Add(Time time, std::uint64_t key, const QueueUse& use);

 private:
  struct Promise {
    Time time{};
    std::uint64_t key = 0;
    std::uint64_t number = 0;
    QueueUse use;
  };
  struct ByTime {
    bool operator()(const Promise& left, const Promise& right) const {
      return left.time != right.time ? left.time < right.time : left.number < right.number;
    }
  };
  struct ByKey {
    bool operator()(const Promise& left, const Promise& right) const {
      return left.key != right.key ? left.key < right.key : ByTime()(left, right);
    }
  };

  QueueUse Expected(const QueueUse& promised) const;
  void Remove(const Promise& promise, bool kept);

  const std::size_t most_;
  absl::btree_set<Promise, ByTime> by_time_;
  absl::btree_set<Promise, ByKey> by_key_;
  std::uint64_t promises_ = 0;
  QueueUse all_;
  // For promises whose time is before soon_until_.
  QueueUse soon_;
  Time soon_until_ = Time::min();
  double kept_ = 1;
};

}  // namespace smartbatch::scheduling
