// The backends, their slots, and which of them can be trusted with a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/time.h"
#include "services/proxy/scheduling/backends/batch_size_limit.h"
#include "services/proxy/scheduling/backends/cost_fit.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/cost_model.h"

namespace smartbatch::scheduling {

struct BackendOptions {
  // The first pause after a failure, doubled by each further failure in a row.
  Duration pause_minimum = std::chrono::milliseconds(100);
  Duration pause_maximum = std::chrono::seconds(2);
  // With every backend failing for this long, what waits is failed and what comes is refused.
  Duration unavailable_after = std::chrono::seconds(1);
  // A backend that fails so many batches in a row, whatever it says, is paused where another one can be used. 1 to
  // 1000.
  std::uint32_t max_consecutive_errors = 5;
  // A batch is slow that takes more than so many times what the fit says, and kSlowAllowance besides. Above 1.
  double slow_factor = 3;
  // For the random times between two questions to a busy backend. Proxies that share backends must differ in it.
  std::uint64_t seed = 1;
};

// What a health check has said.
enum class HealthReport : std::uint8_t {
  kServing,
  kNotServing,
  kNoAnswer,  // the backend could not be asked, or did not answer in time
};

struct Backend {
  explicit Backend(const CostModel& prior) : cost(prior), fit(prior) {}

  // Its last batch did not fail and its health checks are well.
  bool works() const { return healthy && failures == 0; }

  std::string name;
  std::uint32_t slots = 1;
  std::uint32_t in_flight = 0;
  bool removed = false;
  // Sequences there with which another backend, or this one, fell before.
  std::uint32_t suspects = 0;
  // What its batches cost: as configured, or as learned.
  CostModel cost;
  CostFit fit;
  BatchSizeLimit size_limit;
  // Batches served since it was added, and since it could not be reached or hung last.
  std::uint64_t served_since_failure = 0;
  // Failures in a row, the first of them, and the end of the pause they brought.
  std::uint32_t failures = 0;
  Time failing_since{};
  Time paused_until{};
  // Batches in a row that it has failed for their content, and that were slow.
  std::uint32_t errors = 0;
  std::uint32_t slow = 0;
  // Refusals for want of room in a row, without a long time between two, and the first of them.
  std::uint32_t busy = 0;
  Time busy_since{};
  // It is not asked before; and until then it is held to serve others as well.
  Time rests_until{};
  Time shared_until{};
  // As the health checks say.
  bool healthy = true;
  Time unhealthy_since{};
  std::uint32_t checks_without_answer = 0;
};

// Tells which backend gets the next batch, and takes those out that fail: at once where they cannot be reached or hang,
// after max_consecutive_errors errors of any kind or kSlowToPause slow batches in a row where another backend can be
// used, and while their health check says so. This is outlier detection as in Envoy, with the pause growing by itself.
//
// A backend that says that it is busy is well: somebody else has its slots. It is asked again after a random time, up
// to an eighth of the batch's predicted cost, growing to the whole of it with every further refusal in a row, between
// kShortestRest and kLongestRest. Whoever has been refused there knows that the backend is shared, and leaves it alone
// for such a time after each of its own batches as well, so that the other one's question does not always meet a slot
// that is taken again: two proxies at one slot get about half of it each.
//
// Not thread safe. Linear in the backends, of which there are few.
class BackendPool {
 public:
  static constexpr Duration kSlowAllowance = std::chrono::milliseconds(100);
  // Slow batches in a row that pause a backend; and that are believed: from then on it is a slower backend.
  static constexpr std::uint32_t kSlowToPause = 3;
  static constexpr std::uint32_t kSlowToBelieve = 16;
  static constexpr Duration kShortestRest = std::chrono::microseconds(500);
  static constexpr Duration kLongestRest = std::chrono::milliseconds(20);
  // So long after a refusal, or so many batches, a backend is held to be shared.
  static constexpr Duration kSharedFor = std::chrono::seconds(10);
  static constexpr double kSharedForBatches = 32;
  // A backend that has refused everything for so long is not busy but unable.
  static constexpr Duration kBusyForTooLong = std::chrono::minutes(1);
  // Health checks in a row without an answer that take a backend out.
  static constexpr std::uint32_t kChecksToTakeOut = 3;

  explicit BackendPool(const BackendOptions& options) : options_(options) {}

  // For the pauses to come; those that run stay as they are.
  void Reconfigure(const BackendOptions& options) {
    const std::uint64_t seed = options_.seed;
    options_ = options;
    options_.seed = seed;
  }

  // Takes the place of a removed backend without a batch where there is one. What was learned of a removed backend of
  // the same name is kept.
  BackendId Add(std::string name, std::uint32_t slots, const CostModel& cost);
  // The backend gets no more batches; what it has is finished.
  void Remove(BackendId id);
  // That many batches at once from now on, at least 1. If more are running, they go on.
  void SetSlots(BackendId id, std::uint32_t slots) { backends_[id].slots = slots; }
  // If there is no backend, the time without one begins to count, unless it counts already. Call it at every event.
  void CountTimeWithout(Time now) {
    if (count_ == 0 && !without_since_) without_since_ = now;
  }

  // A backend with a free slot that is neither paused nor taken out and does not rest, `avoided` excepted: the one with
  // the smallest share of its slots in use. For a suspect: without another suspect.
  std::optional<BackendId> FreeSlot(Time now, std::optional<BackendId> avoided = std::nullopt,
                                    bool for_suspect = false) const;
  // The slots of all that were not removed.
  std::uint32_t Slots() const;
  // The slots of those that are neither paused nor taken out; at least 1.
  std::uint32_t UsableSlots(Time now) const;
  // Another backend than this one is neither paused nor taken out.
  bool HasOther(BackendId id, Time now) const;
  // The first end of a pause or a rest of a backend that has a free slot; kNever if there is none.
  Time NextResume(Time now) const;

  void Started(BackendId id, bool suspect = false) {
    ++backends_[id].in_flight;
    if (suspect) ++backends_[id].suspects;
  }
  // Besides what is said of the end of its batch.
  void SuspectEnded(BackendId id) { --backends_[id].suspects; }
  // The batch has its results. With `learn` the backend's cost is learned from it.
  void Succeeded(BackendId id, const Batch& batch, double seconds, bool learn, Time now);
  // Seats of a batch for the backend, if `most` is what every backend should take.
  std::uint32_t SeatsOf(BackendId id, std::uint32_t most, Time now) const {
    return backends_[id].size_limit.Seats(most, now);
  }
  // The backend refused the batch for want of room. True if it has refused everything for so long that it is a failure.
  bool RefusedForTooLong(BackendId id, const Batch& batch, Time now);
  // The batch that was refused has ended, and that is no failure.
  void Busy(BackendId id, const Batch& batch, Time now);
  // The backend could not be reached, or hung.
  void Failed(BackendId id, Time now);
  // The backend failed the batch with an error that may be the batch's own fault.
  void FailedForContent(BackendId id, Time now);
  // The batch ended in a way that says nothing about the backend's health.
  void Ended(BackendId id) { --backends_[id].in_flight; }
  // True where the backend's health is another one now.
  bool HealthChecked(BackendId id, HealthReport report, Time now);

  // Every backend has been failing for unavailable_after and none is due to be tried again; or there has been none for
  // as long. So a backend that is exchanged for another one costs nobody an answer, whichever comes first.
  bool Unavailable(Time now) const;
  // When Unavailable may become true if nothing succeeds; kNever if a backend works.
  Time UnavailableAt() const;

  // The backend's batches of this length take what its cost model says: it is fitted to a full window of batches, and
  // as many were served since the backend could not be reached or hung last, so that one that has become slower is not
  // given up again and again before that is learned.
  bool KnowsTimeOf(BackendId id, std::uint32_t length) const {
    return backends_[id].served_since_failure >= CostFit::kSamples && backends_[id].fit.KnowsLength(length);
  }
  // Every backend's cost at this length is known from its batches, and a sequence by itself would take longer than that
  // on all of them.
  bool TakesLonger(std::uint32_t length, double seconds) const;

  // What a sequence takes by itself on the fastest backend, in seconds, as it is believed.
  double LeastAlone(std::uint32_t length) const;

  // The cost of batches if no backend is chosen yet: that of the first one; if there is none, that of one that was
  // there.
  CostModel TypicalCost() const;

  // By BackendId, removed ones included.
  const std::deque<Backend>& backends() const { return backends_; }
  Backend& operator[](BackendId id) { return backends_[id]; }

 private:
  static bool CanBeUsed(const Backend& backend, Time now) {
    return !backend.removed && backend.healthy && backend.paused_until <= now;
  }
  bool WasSlow(const Backend& backend, const Batch& batch, double seconds) const;
  void Pause(Backend& backend, Time now);
  // For a random time of up to this share of the batch's predicted cost.
  void Rest(Backend& backend, const Batch& batch, double share, Time now) const;

  BackendOptions options_;
  std::deque<Backend> backends_;
  std::size_t count_ = 0;              // without the removed ones
  std::optional<Time> without_since_;  // none of them has been there since then
};

}  // namespace smartbatch::scheduling
