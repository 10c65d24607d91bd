// What every customer of a workload will send, and when. The workload and the seeds alone decide it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/random.h"
#include "common/time.h"
#include "common/workload/workload.h"
#include "tools/loadgen/engine/text_source.h"

namespace smartbatch::loadgen {

// One request's content.
struct PlannedRequest {
  std::vector<std::string> sequences;
  // Characters of each sequence.
  std::vector<std::uint32_t> lengths;
  // Of the longest sequence, in characters.
  std::uint32_t longest = 0;
};

// Each customer draws from streams of its own, so what it sends does not depend on the order in which the
// customers are asked. Not thread safe; the text must outlive it.
class ArrivalPlan {
 public:
  ArrivalPlan(const workload::Workload& workload, const workload::Seeds& seeds, const TextSource& text);

  std::uint32_t customer_count() const { return static_cast<std::uint32_t>(customers_.size()); }
  const std::string& name(std::uint32_t customer) const { return customers_[customer].name; }

  bool IsClosedLoop(std::uint32_t customer) const { return customers_[customer].think_times.has_value(); }
  // The time to wait after the answer to the customer's next request; nothing if the customer is an open loop.
  std::optional<Duration> NextThinkTime(std::uint32_t customer);
  // The first request's moment, since the start: 0 in a closed loop.
  Time FirstArrival(std::uint32_t customer);
  // An open-loop customer's next moment, since the start; kNever if there is none.
  Time NextArrival(std::uint32_t customer) { return customers_[customer].arrivals->Next(); }
  // The content of the customer's next request.
  PlannedRequest NextRequest(std::uint32_t customer);

 private:
  struct Customer {
    std::string name;
    std::optional<workload::ThinkTimeSource> think_times;  // in a closed loop
    std::optional<workload::ArrivalSource> arrivals;       // in an open one
    workload::RequestSource requests;
    Random text_random;
  };

  const TextSource& text_;
  std::vector<Customer> customers_;
};

}  // namespace smartbatch::loadgen
