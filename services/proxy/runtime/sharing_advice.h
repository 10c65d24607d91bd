// Notices that several customers call while the strategy does not share the backends between customers.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "services/proxy/scheduling/observer.h"

namespace smartbatch::runtime {

// An observer that calls `tell` with the strategy's name when a request of a second customer is accepted under a
// strategy without StrategyPromises::shares_between_customers: once after the start, and once more after each switch
// that an operator makes. It keeps one customer's name. `tell` is called in the middle of the scheduler's work and must
// not wait. Thread safety: that of the scheduler.
class SharingAdvice final : public scheduling::SchedulerObserver {
 public:
  explicit SharingAdvice(std::function<void(std::string_view strategy)> tell) : tell_(std::move(tell)) {}

  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void StrategyChanged(std::string_view from, std::string_view to, scheduling::SwitchedBy by) override;

 private:
  void TellIfNeeded();

  const std::function<void(std::string_view)> tell_;
  std::string first_customer_;
  bool several_customers_ = false;
  std::string_view strategy_;  // lives as long as the program
  bool shares_ = false;
  bool told_ = false;
};

}  // namespace smartbatch::runtime
