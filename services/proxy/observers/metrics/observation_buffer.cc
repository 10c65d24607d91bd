#include "services/proxy/observers/metrics/observation_buffer.h"

namespace smartbatch::metrics {

void ObservationBuffer::Observe(prometheus::Histogram& histogram, double value) {
  {
    const MutexLock lock(mutex_);
    waiting_.emplace_back(&histogram, value);
    if (waiting_.size() < kEnough) return;
  }
  if (!flush_mutex_.try_lock()) return;
  BringIn();
  flush_mutex_.unlock();
}

void ObservationBuffer::BringIn() {
  {
    const MutexLock lock(mutex_);
    being_brought_in_.swap(waiting_);
  }
  for (const auto& [histogram, value] : being_brought_in_) histogram->Observe(value);
  being_brought_in_.clear();
}

}  // namespace smartbatch::metrics
