// What the outside can watch: the metrics, the decision log and the tests observe the scheduler here.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/outcome.h"

namespace smartbatch::scheduling {

// Who changed the strategy.
enum class SwitchedBy : std::uint8_t {
  kStart,   // the program, with the strategy it starts with
  kAdmin,   // SetStrategy
  kAdvice,  // Follow
};

constexpr std::string_view Name(SwitchedBy by) {
  switch (by) {
    case SwitchedBy::kStart:
      return "start";
    case SwitchedBy::kAdmin:
      return "admin";
    case SwitchedBy::kAdvice:
      return "adaptive";
  }
  return "unknown";
}

// Is called by the scheduler in the middle of its work: an observer must return soon, never wait, and not call the
// scheduler. References are valid only during the call.
class SchedulerObserver {
 public:
  virtual ~SchedulerObserver() = default;

  // A request was offered; exactly one of Rejected and Accepted follows.
  virtual void Rejected(std::string_view /*customer*/, std::string_view /*strategy*/, RejectReason /*reason*/) {}
  virtual void Accepted(const Customer& /*customer*/, const PendingRequest& /*request*/) {}
  // An accepted request ended.
  virtual void Ended(const Finished& /*finished*/) {}

  virtual void Dispatched(const Batch& /*batch*/) {}
  // A part of a batch's predicted cost was charged. Comes before Dispatched; for a request that failed alone, before
  // its Ended.
  virtual void Charged(const Customer& /*customer*/, std::string_view /*strategy*/, double /*seconds*/) {}
  virtual void BatchEnded(const Batch& /*batch*/, Duration /*took*/, const absl::Status& /*status*/) {}

  // A backend was added; comes before its first batch.
  virtual void BackendAdded(BackendId /*id*/, const Backend& /*backend*/) {}
  // The backend gets no more batches; those that it has end like others.
  virtual void BackendRemoved(BackendId /*id*/) {}
  // The backend takes `slots` batches at once from now on; more may be running.
  virtual void BackendSlotsChanged(BackendId /*id*/, std::uint32_t /*slots*/) {}
  // The backend gets no batches from now on, or does again: other models have the slots of its device.
  virtual void BackendHeldBack(BackendId /*id*/, bool /*held_back*/) {}
  // The backend's health has changed.
  virtual void BackendHealthChanged(BackendId /*id*/, bool /*healthy*/, Time /*now*/) {}

  // The backend refused a batch of `sequences` sequences but served each alone: it now gets batches of at most `limit`.
  virtual void BatchTooLarge(BackendId /*id*/, std::uint32_t /*sequences*/, std::uint32_t /*limit*/) {}

  // The strategy `to` decides from now on; `from` is empty at the start.
  virtual void StrategyChanged(std::string_view /*from*/, std::string_view /*to*/, SwitchedBy /*by*/) {}
};

// Passes every call on to several observers, in order; they must outlive it.
class ObserverList final : public SchedulerObserver {
 public:
  explicit ObserverList(std::vector<SchedulerObserver*> observers) : observers_(std::move(observers)) {}

  void Rejected(std::string_view customer, std::string_view strategy, RejectReason reason) override {
    for (SchedulerObserver* const observer : observers_) observer->Rejected(customer, strategy, reason);
  }
  void Accepted(const Customer& customer, const PendingRequest& request) override {
    for (SchedulerObserver* const observer : observers_) observer->Accepted(customer, request);
  }
  void Ended(const Finished& finished) override {
    for (SchedulerObserver* const observer : observers_) observer->Ended(finished);
  }
  void Dispatched(const Batch& batch) override {
    for (SchedulerObserver* const observer : observers_) observer->Dispatched(batch);
  }
  void Charged(const Customer& customer, std::string_view strategy, double seconds) override {
    for (SchedulerObserver* const observer : observers_) observer->Charged(customer, strategy, seconds);
  }
  void BatchEnded(const Batch& batch, Duration took, const absl::Status& status) override {
    for (SchedulerObserver* const observer : observers_) observer->BatchEnded(batch, took, status);
  }
  void BackendAdded(BackendId id, const Backend& backend) override {
    for (SchedulerObserver* const observer : observers_) observer->BackendAdded(id, backend);
  }
  void BatchTooLarge(BackendId id, std::uint32_t sequences, std::uint32_t limit) override {
    for (SchedulerObserver* const observer : observers_) observer->BatchTooLarge(id, sequences, limit);
  }
  void BackendRemoved(BackendId id) override {
    for (SchedulerObserver* const observer : observers_) observer->BackendRemoved(id);
  }
  void BackendSlotsChanged(BackendId id, std::uint32_t slots) override {
    for (SchedulerObserver* const observer : observers_) observer->BackendSlotsChanged(id, slots);
  }
  void BackendHeldBack(BackendId id, bool held_back) override {
    for (SchedulerObserver* const observer : observers_) observer->BackendHeldBack(id, held_back);
  }
  void BackendHealthChanged(BackendId id, bool healthy, Time now) override {
    for (SchedulerObserver* const observer : observers_) observer->BackendHealthChanged(id, healthy, now);
  }
  void StrategyChanged(std::string_view from, std::string_view to, SwitchedBy by) override {
    for (SchedulerObserver* const observer : observers_) observer->StrategyChanged(from, to, by);
  }

 private:
  const std::vector<SchedulerObserver*> observers_;
};

}  // namespace smartbatch::scheduling
