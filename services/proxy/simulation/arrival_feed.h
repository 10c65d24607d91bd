// What the simulated customers send.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "common/time.h"

namespace smartbatch::simulation {

struct FedRequest {
  Time time{};
  std::uint32_t customer = 0;  // an index into ArrivalFeed::customers()
  // Characters of each sequence; valid until the next Take.
  std::span<const std::uint32_t> lengths;
  // kNever if the caller sets none.
  Time deadline = kNever;
};

// Requests in the order of time. Not thread safe.
class ArrivalFeed {
 public:
  virtual ~ArrivalFeed() = default;

  virtual const std::vector<std::string>& customers() const = 0;
  // The number of requests that the feed gives in all.
  virtual std::uint64_t requests() const = 0;
  // The moment of the next request; kNever at the end, and while every customer of a closed loop waits for its answer.
  virtual Time NextTime() const = 0;
  // Takes the next request. Requires: NextTime is not kNever.
  virtual FedRequest Take() = 0;
  // A request of the customer ended, answered or not: a closed loop goes on.
  virtual void Ended(std::uint32_t /*customer*/, Time /*now*/) {}
};

}  // namespace smartbatch::simulation
