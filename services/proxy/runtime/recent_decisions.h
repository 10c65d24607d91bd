// The last batches: why each left, what it held, its predicted cost and its real one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::runtime {

struct RecentDecision {
  // One customer's part of the batch.
  struct Part {
    std::string customer;
    std::uint32_t sequences = 0;
    double charged_seconds = 0;
  };
  // One sequence; those of one request are adjacent.
  struct Row {
    std::uint32_t length = 0;   // characters
    std::uint32_t part = 0;     // the index in `parts` of the customer's part
    std::uint64_t request = 0;  // the request's number
  };

  scheduling::BatchId batch = 0;
  std::string backend;
  std::string_view strategy;  // lives as long as the program
  scheduling::DispatchReason reason = scheduling::DispatchReason::kSlotFree;
  Time dispatched{};
  std::vector<Row> rows;
  std::uint32_t requests = 0;
  std::vector<Part> parts;
  double predicted_seconds = 0;
  // Empty while the batch runs.
  std::optional<Duration> took;
  absl::StatusCode status = absl::StatusCode::kOk;
};

// A ring of the decisions of the last kCapacity batches. Thread safety: the observer's methods are called under the
// dispatcher's lock; List may be called from any thread and delays them by at most a copy of the ring.
class RecentDecisions final : public scheduling::SchedulerObserver {
 public:
  static constexpr std::size_t kCapacity = 256;

  // The last decisions, at most `most`, newest first.
  std::vector<RecentDecision> List(std::size_t most) const;

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void Ended(const scheduling::Finished& finished) override;

 private:
  // Returns the index of the customer's part, which is added if there is none.
  static std::uint32_t PartOf(RecentDecision& decision, const std::string& customer);
  // Returns null if the batch is too old to be kept.
  RecentDecision* Find(scheduling::BatchId batch) SMARTBATCH_REQUIRES(mutex_);

  std::vector<std::string> backends_;  // by BackendId
  // By the slot of the request: as many as there are requests at the same time.
  std::vector<std::string> customers_;
  scheduling::BatchId last_ended_ = 0;
  // What was charged for the batch that is about to be dispatched, or for a batch of one sequence that has just failed.
  std::vector<std::pair<std::string, double>> charges_;

  mutable Mutex mutex_;
  std::vector<RecentDecision> ring_ SMARTBATCH_GUARDED_BY(mutex_);
  std::size_t newest_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::runtime
