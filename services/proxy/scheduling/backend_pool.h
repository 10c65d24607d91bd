// The backends, their slots, and which of them can be trusted with a batch.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/time.h"
#include "services/proxy/scheduling/batch.h"
#include "services/proxy/scheduling/cost_fit.h"
#include "services/proxy/scheduling/cost_model.h"

namespace smartbatch::scheduling {

struct BackendOptions {
  // The first pause after a failure, doubled by each further failure in a row.
  Duration pause_minimum = std::chrono::milliseconds(100);
  Duration pause_maximum = std::chrono::seconds(2);
  // With every backend failing for this long, what waits is failed and what comes is refused.
  Duration unavailable_after = std::chrono::seconds(1);
};

struct Backend {
  explicit Backend(const CostModel& prior) : cost(prior), fit(prior) {}

  std::string name;
  std::uint32_t slots = 1;
  std::uint32_t in_flight = 0;
  bool removed = false;
  // What its batches cost: as configured, or as learned.
  CostModel cost;
  CostFit fit;
  // Failures in a row, the first of them, and the end of the pause they brought.
  std::uint32_t failures = 0;
  Time failing_since{};
  Time paused_until{};
};

// Not thread safe. Linear in the backends, of which there are few.
class BackendPool {
 public:
  explicit BackendPool(const BackendOptions& options) : options_(options) {}

  // For the pauses to come; those that run stay as they are.
  void Reconfigure(const BackendOptions& options) { options_ = options; }

  BackendId Add(std::string name, std::uint32_t slots, const CostModel& cost);
  // The backend gets no more batches; what it has is finished.
  void Remove(BackendId id);

  // A backend with a free slot and no pause: the one with the smallest share of its slots in use.
  std::optional<BackendId> FreeSlot(Time now) const;
  // The first end of a pause of a backend that has a free slot; kNever where there is none.
  Time NextResume(Time now) const;

  void Started(BackendId id) { ++backends_[id].in_flight; }
  void Succeeded(BackendId id);
  // A batch of that size took that long: the backend's cost is learned from it.
  void Observe(BackendId id, std::uint32_t sequences, std::uint32_t longest, double seconds);
  // The backend could not be reached, or hung, or refused for want of room.
  void Failed(BackendId id, Time now);
  // The batch ended in a way that says nothing about the backend's health.
  void Ended(BackendId id) { --backends_[id].in_flight; }

  // Every backend has been failing for unavailable_after and none is due to be tried again.
  bool Unavailable(Time now) const;
  // When Unavailable may become true if nothing succeeds; kNever where a backend works.
  Time UnavailableAt() const;

  // Every backend's cost at this length is known from its batches, and a sequence by itself would take longer than that
  // on all of them.
  bool TakesLonger(std::uint32_t length, double seconds) const;

  // The cost of batches where no backend is chosen yet: that of the first one.
  CostModel TypicalCost() const;

  const std::deque<Backend>& backends() const { return backends_; }
  Backend& operator[](BackendId id) { return backends_[id]; }

 private:
  BackendOptions options_;
  std::deque<Backend> backends_;
};

}  // namespace smartbatch::scheduling
