// Observations on their way into histograms.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include <prometheus/histogram.h>

#include "common/mutex.h"

namespace smartbatch::metrics {

// A histogram of prometheus-cpp takes a mutex for every observation, and a scrape holds it: whoever observes waits for
// the scraper, who may have been put to sleep. So observations are kept here, and brought in when enough of them have
// gathered, unless a scrape is on; the scrape itself brings in all of them before it reads. Thread safe.
class ObservationBuffer {
 public:
  // Never waits for a scrape.
  void Observe(prometheus::Histogram& histogram, double value);

  // Brings in every observation and then calls `read`, undisturbed.
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
