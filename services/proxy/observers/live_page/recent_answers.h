// How the last requests ended, kept while somebody looks.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::live_page {

// The figures of one customer, over the time that is kept.
struct CustomerFigures {
  std::uint64_t answered = 0;
  std::uint64_t refused = 0;  // refused on arrival, or shed
  std::uint64_t failed = 0;   // every other end
  // From arrival to answer, in milliseconds; nothing if there is no answer.
  std::optional<double> p50_ms;
  std::optional<double> p95_ms;
  // The median of latency / (time of the longest sequence in a batch of its own); nothing if it is known for no answer.
  std::optional<double> slowdown;
};

struct RecentFigures {
  // The time that the figures cover; zero if nobody looked before.
  Duration span{};
  std::map<std::string, CustomerFigures> customers;
  std::array<std::uint64_t, scheduling::kRejectReasons> refusals{};  // by reason
};

// An observer of the core that keeps how the last requests ended. If nobody has called Look within the last kInterest,
// it keeps nothing, and an event costs it the reading of one number. Otherwise it keeps the ends of the last kCapacity
// requests, if they are not older than kLongest, and the names of kMostCustomers customers; all others are called
// "(others)". Look is thread safe; the observer's methods wait while it makes a copy.
class RecentAnswers final : public scheduling::SchedulerObserver {
 public:
  static constexpr std::size_t kCapacity = 8192;
  static constexpr std::size_t kMostCustomers = 200;
  static constexpr std::chrono::seconds kInterest{5};
  static constexpr std::chrono::seconds kLongest{30};

  // The clock must outlive it.
  explicit RecentAnswers(const runtime::Clock& clock) : clock_(clock) {}

  // Returns the figures. `alone` returns how many seconds a batch of one sequence of the given length takes.
  RecentFigures Look(const std::function<double(std::uint32_t)>& alone);

  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) override;
  void Ended(const scheduling::Finished& finished) override;

 private:
  enum class Kind : std::uint8_t { kAnswered, kRejected, kShed, kFailed };
  struct End {
    Time time{};
    Duration latency{};
    std::uint32_t customer = 0;  // its index in names_
    std::uint32_t longest = 0;   // characters; 0 if nobody looked when it came
    Kind kind = Kind::kAnswered;
    scheduling::RejectReason reason = scheduling::RejectReason::kQueueFull;
  };
  // A request that came while somebody looked.
  struct Arrived {
    std::uint64_t number = 0;
    std::uint32_t longest = 0;
  };

  bool IsWatched(Time now) const {
    return now.time_since_epoch().count() < watched_until_.load(std::memory_order_relaxed);
  }
  void Keep(End end, std::string_view customer);
  std::uint32_t PlaceOf(std::string_view customer) SMARTBATCH_REQUIRES(mutex_);

  const runtime::Clock& clock_;
  std::atomic<std::int64_t> watched_until_ = 0;  // nanoseconds of the clock
  // By the slot of the request, so bounded by the number of requests at one time.
  std::vector<Arrived> arrived_;

  Mutex mutex_;
  Time since_ SMARTBATCH_GUARDED_BY(mutex_){};
  std::vector<End> ring_ SMARTBATCH_GUARDED_BY(mutex_);
  std::size_t next_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
  std::vector<std::string> names_ SMARTBATCH_GUARDED_BY(mutex_);
  std::map<std::string, std::uint32_t, std::less<>> places_ SMARTBATCH_GUARDED_BY(mutex_);  // indexes in names_
};

}  // namespace smartbatch::live_page
