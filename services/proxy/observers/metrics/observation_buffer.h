// A buffer for observations on their way into histograms.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <prometheus/histogram.h>

#include "common/mutex.h"

namespace smartbatch::metrics {

// Keeps observations until they are brought into their histograms. A histogram of prometheus-cpp takes a mutex for
// every observation, and a scrape holds that mutex, so a thread that observes would wait for the scraping thread, which
// may have been put to sleep. So observations are kept here and brought in once there are enough of them, unless a
// scrape is running. The scrape itself brings in all of them before it reads. Thread safe.
class ObservationBuffer {
 public:
  // Never waits for a scrape.
  void Observe(prometheus::Histogram& histogram, double value);

  // Brings in every observation and then calls `read`; no other thread brings in observations meanwhile.
  template <class Read>
  auto FlushAndRead(Read read) {
    const MutexLock flushing(flush_mutex_);
    BringIn();
    return read();
  }

 private:
  using Observation = std::pair<prometheus::Histogram*, double>;
  static constexpr std::size_t kEnough = 256;

  void BringIn() SMARTBATCH_REQUIRES(flush_mutex_);

  Mutex flush_mutex_;
  std::vector<Observation> being_brought_in_ SMARTBATCH_GUARDED_BY(flush_mutex_);
  Mutex mutex_;  // held for a moment only; taken after flush_mutex_
  std::vector<Observation> waiting_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::metrics
