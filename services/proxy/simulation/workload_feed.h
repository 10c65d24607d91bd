// The arrivals of a workload, drawn as time goes by.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/cost_model.h"
#include "common/workload/workload.h"
#include "services/proxy/simulation/arrival_feed.h"

namespace smartbatch::simulation {

// Merges the customers' streams. Each customer draws from streams of its own, so the same seeds give the same
// requests as the load generator sends. Customers in a closed loop begin at time 0.
class WorkloadFeed final : public ArrivalFeed {
 public:
  WorkloadFeed(const workload::Workload& workload, const workload::Seeds& seeds, std::uint64_t requests);

  const std::vector<std::string>& customers() const override { return names_; }
  std::uint64_t requests() const override { return requests_; }
  Time NextTime() const override { return taken_ == requests_ || due_.empty() ? kNever : due_.front().time; }
  FedRequest Take() override;
  void Ended(std::uint32_t customer, Time now) override;

 private:
  struct Customer {
    std::optional<workload::ArrivalSource> arrivals;       // nothing in a closed loop
    std::optional<workload::ThinkTimeSource> think_times;  // only in a closed loop
    workload::RequestSource requests;
  };
  struct Due {
    Time time{};
    std::uint32_t customer = 0;
    // Later first, as std::push_heap needs it; ties by customer.
    friend bool operator<(const Due& left, const Due& right) {
      return left.time != right.time ? left.time > right.time : left.customer > right.customer;
    }
  };

  void MakeDue(Time time, std::uint32_t customer);

  std::vector<std::string> names_;
  std::vector<Customer> customers_;
  std::vector<Due> due_;  // a heap
  std::vector<std::uint32_t> lengths_;
  const std::uint64_t requests_;
  std::uint64_t taken_ = 0;
};

// The least share of the slots' time that the workload's open-loop customers need under any strategy: every seat is
// taken, and every sequence is as long as the longest of its batch. At 1 or more no strategy keeps up. Customers in a
// closed loop do not count: they wait.
double LeastUtilization(const workload::Workload& workload, const CostModel& cost, std::uint32_t max_batch_size,
                        std::uint32_t slots);

}  // namespace smartbatch::simulation
