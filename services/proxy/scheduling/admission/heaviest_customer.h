// Finds the customer with the most in the queue.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/time.h"
#include "services/proxy/scheduling/customers/backlog.h"
#include "services/proxy/scheduling/customers/customer.h"

namespace smartbatch::scheduling {

// Finds the customer with the largest waiting work over its weight, as kube-apiserver's fair queuing finds the flow to
// take room from. Every arrival asks for it while the queue is full, and none otherwise. So it scans the waiting
// customers at most once per (1 ms + 1 us per customer) and otherwise returns the cached answer. It costs nothing while
// there is room, and a hundredth of the time under overload. Not thread safe.
class HeaviestCustomer {
 public:
  // Returns null if nobody waits.
  Customer* Find(const Backlog& backlog, Time now) {
    if (heaviest_ != nullptr && now < good_until_) return heaviest_;
    heaviest_ = nullptr;
    backlog.ForEach([this](Customer& customer) {
      if (heaviest_ == nullptr || ShareOf(customer) > ShareOf(*heaviest_)) heaviest_ = &customer;
    });
    good_until_ = Later(now, std::chrono::milliseconds(1) + backlog.size() * std::chrono::microseconds(1));
    return heaviest_;
  }
  // The customer has no waiting request any more: its account may go.
  void Left(const Customer& customer) {
    if (heaviest_ == &customer) heaviest_ = nullptr;
  }

  static double ShareOf(const Customer& customer) {
    return static_cast<double>(customer.waiting_work) / customer.policy.weight;
  }

 private:
  Customer* heaviest_ = nullptr;
  Time good_until_{};
};

}  // namespace smartbatch::scheduling
