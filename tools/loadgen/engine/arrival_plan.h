// What every customer of a workload will send and when: fixed by the workload and the seeds alone.
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

  // The customer's think time, or nothing where it is an open loop.
  std::optional<Duration> ThinkTime(std::uint32_t customer) const { return customers_[customer].think_time; }
  // The first request's moment, since the start: 0 in a closed loop.
  Time FirstArrival(std::uint32_t customer);
  // An open-loop customer's next moment, since the start; kNever where there is none.
  Time NextArrival(std::uint32_t customer) { return customers_[customer].arrivals->Next(); }
  // The content of the customer's next request.
  PlannedRequest NextRequest(std::uint32_t customer);

 private:
  struct Customer {
    std::string name;
    std::optional<Duration> think_time;
    std::optional<workload::ArrivalSource> arrivals;  // nothing in a closed loop
    workload::RequestSource requests;
    Random text_random;
  };

  const TextSource& text_;
  std::vector<Customer> customers_;
  std::vector<std::uint32_t> lengths_;
};

}  // namespace smartbatch::loadgen
