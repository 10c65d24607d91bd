// What a choice has to know about the requests that arrive and the batches that leave.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Moving averages over about the last hundred requests, and fifty batches. Thread safety: none.
class Traffic {
 public:
  // Call it for every request that arrives, with the cost of batches and their seats.
  void Arrived(const PendingRequest& request, const CostModel& cost, std::uint32_t seats) {
    constexpr double kArrivals = 100;
    constexpr double kKept = 1 - 1 / kArrivals;
    double work = 0;
    double length = 0;
    for (const PendingSequence& sequence : request.sequences) {
      work += cost.Packed(sequence.length, seats);
      length += sequence.length;
    }
    work_seconds_ = kKept * work_seconds_ + work;
    characters_ = kKept * characters_ + length;
    sequences_ = kKept * sequences_ + static_cast<double>(request.sequences.size());
    if (last_ != Time{}) seconds_ = kKept * seconds_ + std::max(0.0, ToSeconds(request.arrival - last_));
    last_ = request.arrival;
  }
  // Call it for every batch that leaves, with its sequences.
  void Left(std::size_t sequences) {
    constexpr double kBatches = 50;
    constexpr double kKept = 1 - 1 / kBatches;
    batches_ = kKept * batches_ + 1;
    left_ = kKept * left_ + static_cast<double>(sequences);
  }

  // The mean length of a sequence, in characters; at least 1.
  std::uint32_t MeanLength() const {
    return sequences_ > 0 ? static_cast<std::uint32_t>(std::max(1.0, characters_ / sequences_)) : 1;
  }
  // The seconds of backend time, per slot, that arrive in each second; every sequence counts the least it can cost.
  double Load(std::uint32_t slots) const { return seconds_ > 0 && slots > 0 ? work_seconds_ / seconds_ / slots : 0; }
  // The mean number of sequences of a batch, at most `seats`; `seats` before the first batch.
  std::uint32_t MeanBatch(std::uint32_t seats) const {
    return batches_ > 0 ? std::min(static_cast<std::uint32_t>(std::lround(left_ / batches_)), seats) : seats;
  }

 private:
  double work_seconds_ = 0;
  double characters_ = 0;
  double sequences_ = 0;
  double seconds_ = 0;
  double left_ = 0;
  double batches_ = 0;
  Time last_{};
};

}  // namespace smartbatch::scheduling
