// Learns how many sequences a backend takes in a batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.h"
#include "services/proxy/scheduling/model/batch.h"

namespace smartbatch::scheduling {

// Learns the limit from the batches that the backend refuses: if all sequences of a refused batch are served when each
// is sent alone, the batch was refused for its size. Then the middle between the largest served and the smallest
// refused size is tried, until they are neighbours. A limit is tested after kTrustFor by a batch of full size, and
// forgotten when the backend comes back from a failure, since it may be a different one then. Not thread safe.
class BatchSizeLimit {
 public:
  static constexpr Duration kTrustFor = std::chrono::minutes(5);

  // The seats of the next batch, at most `most`.
  std::uint32_t Seats(std::uint32_t most, Time now) const;
  // The size that the backend is believed to take; 0 if no limit is known.
  std::uint32_t known() const;

  // A batch of this many sequences was served.
  void Served(std::uint32_t sequences);
  // A batch of this many sequences, above 1, was refused, and all of them are now tried alone. Only one refused batch
  // is examined at a time; another one may take its place after kTrialTime.
  void Refused(BatchId batch, std::uint32_t sequences, Time now);
  // A sequence of that refused batch was served alone, by any backend. If it was the last, returns the size of the
  // batch.
  std::optional<std::uint32_t> ServedAlone(BatchId refused, Time now);
  // A sequence of that refused batch was not served alone.
  void FailedAlone(BatchId refused);
  void Forget() { *this = BatchSizeLimit(); }

 private:
  static constexpr Duration kTrialTime = std::chrono::seconds(10);
  struct Trial {
    BatchId batch = 0;
    std::uint32_t sequences = 0;
    std::uint32_t served = 0;
    Time since{};
  };

  std::uint32_t most_served_ = 1;
  std::uint32_t least_refused_ = 0;  // 0: none
  Time doubted_at_{};
  std::optional<Trial> trial_;
};

}  // namespace smartbatch::scheduling
