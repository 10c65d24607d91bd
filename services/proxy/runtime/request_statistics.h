// What has become of all requests, in counters that only grow.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::runtime {

// Counts requests by their end. Thread safety: the observer's methods are called under the dispatcher's lock; Look may
// be called from any thread.
class RequestStatistics final : public scheduling::SchedulerObserver {
 public:
  // How many there were, and how long they took in total.
  struct Total {
    std::uint64_t count = 0;
    Duration time{};
    void Add(Duration took) {
      ++count;
      time += took;
    }
  };
  struct Totals {
    Total answered;                   // requests, from arrival to answer
    Total failed;                     // requests that were accepted and ended in another way
    Total queued;                     // requests that were answered, from arrival to the dispatch of their last part
    std::vector<Total> batches = {};  // that backends answered, by their rows
    std::optional<Time> last_answer = {};  // of a request
  };

  Totals Look() const {
    const MutexLock lock(mutex_);
    return totals_;
  }

  void Ended(const scheduling::Finished& finished) override {
    const Duration latency = finished.finish - finished.arrival;
    const MutexLock lock(mutex_);
    if (finished.outcome != scheduling::Outcome::kAnswered) return totals_.failed.Add(latency);
    totals_.last_answer = finished.finish;
    totals_.answered.Add(latency);
    totals_.queued.Add(finished.last_dispatch.value_or(finished.finish) - finished.arrival);
  }
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override {
    if (!status.ok()) return;
    const MutexLock lock(mutex_);
    totals_.batches.resize(std::max(totals_.batches.size(), batch.members.size() + 1));
    totals_.batches[batch.members.size()].Add(took);
  }

 private:
  mutable Mutex mutex_;
  Totals totals_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::runtime
