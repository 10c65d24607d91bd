// The last batches: why each of them left, what it held, what it was believed to cost and what it cost.
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

struct Decision {
  // What one customer had in the batch.
  struct Part {
    std::string customer;
    std::uint32_t sequences = 0;
    double charged_seconds = 0;
  };
  // One sequence; those of one request stand together.
  struct Row {
    std::uint32_t length = 0;   // characters
    std::uint32_t part = 0;     // whose it is: its place in `parts`
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
  // Nothing while the batch runs.
  std::optional<Duration> took;
  absl::StatusCode status = absl::StatusCode::kOk;
};

// Keeps the decisions of the last kCapacity batches and forgets what is older. As an observer it is called under the
// dispatcher's lock; List is thread safe and holds an observer up for a copy of the ring at most.
class RecentDecisions final : public scheduling::SchedulerObserver {
 public:
  static constexpr std::size_t kCapacity = 256;

  // The last ones, at most so many, the newest first.
  std::vector<Decision> List(std::size_t most) const;

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Charged(const scheduling::Customer& customer, std::string_view strategy, double seconds) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void Ended(const scheduling::Finished& finished) override;

 private:
  // The place of the customer's part, which is added if there is none.
  static std::uint32_t PartOf(Decision& decision, const std::string& customer);
  // Null if so many have left since that it was forgotten.
  Decision* Find(scheduling::BatchId batch) SMARTBATCH_REQUIRES(mutex_);

  std::vector<std::string> backends_;  // by BackendId
  // By the slot of the request: bounded by the requests that are there at once.
  std::vector<std::string> customers_;
  scheduling::BatchId last_ended_ = 0;
  // What was charged for the batch that is about to be dispatched, or for the one that has just failed alone.
  std::vector<std::pair<std::string, double>> charges_;

  mutable Mutex mutex_;
  std::vector<Decision> ring_ SMARTBATCH_GUARDED_BY(mutex_);
  std::size_t newest_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::runtime
