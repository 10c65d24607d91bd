// Logs what is learned about the backends.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "services/proxy/scheduling/observer.h"

namespace smartbatch::proxy {

// Logs a warning when a backend turns out to accept only smaller batches than the proxy is configured for, and again
// only if the limit changes. Thread safety: that of the scheduler.
class BackendLog final : public scheduling::SchedulerObserver {
 public:
  explicit BackendLog(std::uint32_t max_batch_size) : max_batch_size_(max_batch_size) {}

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void BatchTooLarge(scheduling::BackendId id, std::uint32_t sequences, std::uint32_t limit) override;

 private:
  struct Known {
    std::string address;
    std::uint32_t told_limit = 0;
  };
  const std::uint32_t max_batch_size_;
  std::map<scheduling::BackendId, Known> known_;
};

}  // namespace smartbatch::proxy
