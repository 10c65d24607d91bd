// The backends, their slots, and which of them can be trusted with a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/backends/batch_size_limit.h"
#include "services/proxy/scheduling/backends/cost_fit.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/believed_cost.h"

namespace smartbatch::scheduling {

struct BackendOptions {
  // The first pause after a failure, doubled by each further failure in a row.
  Duration pause_minimum = std::chrono::milliseconds(100);
  Duration pause_maximum = std::chrono::seconds(2);
  // When every backend has been failing for this long, waiting requests fail and new ones are refused.
  Duration unavailable_after = std::chrono::seconds(1);
  // A backend that fails this many batches in a row, with any error, is paused if another one can be used. 1 to 1000.
  std::uint32_t max_consecutive_errors = 5;
  // A batch is slow if it takes more than this multiple of the fitted time plus kSlowAllowance. Above 1.
  double slow_factor = 3;
  // The costs that Add is given are only assumed until batches have taught them (BelievedCost). If false, somebody has
  // told them, and they are known from the start.
  bool costs_are_assumed = false;
  // The seed of the random times between two attempts at a busy backend. Proxies that share backends must differ in it.
  std::uint64_t seed = 1;
};

// The result of a health check.
enum class HealthReport : std::uint8_t {
  kServing,
  kNotServing,
  kNoAnswer,  // the backend could not be asked, or did not answer in time
  // It did not answer in time, but took a new connection meanwhile: its process runs, and the thread that would answer
  // computes or hangs. Only the timeout of its batches tells which, so this changes nothing.
  kConnects,
};

struct Backend {
  explicit Backend(const CostModel& prior) : cost(prior), fit(prior) {}

  // Returns true if its last batch did not fail and its health checks say that it serves.
  bool works() const { return healthy && failures == 0; }
  // The longest sequence whose cost its batches have taught: one of at least half the length took about what the
  // learned cost says, or more. 0 if they have taught none.
  std::uint32_t TaughtLength() const { return 2 * longest_confirmed; }

  std::string name;
  std::uint32_t slots = 1;
  std::uint32_t in_flight = 0;
  bool removed = false;
  // It gets no batch, since the device that it runs on has no slot for it now.
  bool held_back = false;
  // Sequences at this backend with which a backend has crashed before.
  std::uint32_t suspects = 0;
  // The cost of its batches: as configured, or as learned.
  CostModel cost;
  CostFit fit;
  // The longest sequence of the batches that took what `cost` says, or more; 0 before the first.
  std::uint32_t longest_confirmed = 0;
  BatchSizeLimit size_limit;
  // Batches served since it was added, and since it last could not be reached or hung.
  std::uint64_t served_since_failure = 0;
  // Failures in a row, the time of the first, and the end of the resulting pause.
  std::uint32_t failures = 0;
  Time failing_since{};
  Time paused_until{};
  // Batches in a row that it failed for their content, and batches in a row that were slow.
  std::uint32_t errors = 0;
  std::uint32_t slow = 0;
  // Refusals for lack of room in a row, without a long time between two, and the time of the first.
  std::uint32_t busy = 0;
  Time busy_since{};
  // It gets no batch before the first time; until the second it is assumed to serve other proxies as well.
  Time rests_until{};
  Time shared_until{};
  // What the health checks say.
  bool healthy = true;
  Time unhealthy_since{};
  std::uint32_t checks_without_answer = 0;
};

// Chooses the backend for the next batch, and takes out backends that fail: at once if they cannot be reached or hang;
// after max_consecutive_errors errors of any kind or kSlowToPause slow batches in a row if another backend can be used;
// and while their health check says so. This is outlier detection as in Envoy, with pauses that grow.
//
// A backend that says that it is busy is healthy: somebody else has its slots. It gets another batch after a random
// time, the rest: up to an eighth of the batch's predicted cost, growing to all of it with every further refusal in a
// row, and between kShortestRest and kLongestRest. A proxy that has been refused knows that the backend is shared, and
// also rests after each of its own batches, so that the other proxy does not always find the slot taken again: two
// proxies at one slot get about half of it each.
//
// Complexity: linear in the backends, of which there are few.
// Thread safety: none.
class BackendPool {
 public:
  static constexpr Duration kSlowAllowance = std::chrono::milliseconds(100);
  // The number of slow batches in a row that pause a backend, and the number from which it is believed to be slower.
  static constexpr std::uint32_t kSlowToPause = 3;
  static constexpr std::uint32_t kSlowToBelieve = 16;
  static constexpr Duration kShortestRest = std::chrono::microseconds(500);
  static constexpr Duration kLongestRest = std::chrono::milliseconds(20);
  // A backend is assumed to be shared for this time, or this many batches, after a refusal.
  static constexpr Duration kSharedFor = std::chrono::seconds(10);
  static constexpr double kSharedForBatches = 32;
  // A backend that has refused everything for this long is not busy but unable.
  static constexpr Duration kBusyForTooLong = std::chrono::minutes(1);
  // The number of health checks in a row without an answer that take a backend out.
  static constexpr std::uint32_t kChecksToTakeOut = 3;

  explicit BackendPool(const BackendOptions& options) : options_(options) {}

  // Applies to future pauses; present ones stay as they are.
  void Reconfigure(const BackendOptions& options) {
    const std::uint64_t seed = options_.seed;
    options_ = options;
    options_.seed = seed;
  }

  // Adds a backend; reuses the id of a removed backend without a batch if there is one. What was learned about a
  // removed backend of the same name is kept.
  BackendId Add(std::string name, std::uint32_t slots, const CostModel& cost);
  // The backend gets no more batches; those it has are finished.
  void Remove(BackendId id);
  // Sets how many batches it takes at once, at least 1. If more are running, they go on.
  void SetSlots(BackendId id, std::uint32_t slots) { backends_[id].slots = slots; }
  // If there is no backend, starts to count the time without one, unless it counts already. Call it at every event.
  void CountTimeWithout(Time now) {
    if (count_ == 0 && !without_since_) without_since_ = now;
  }

  // A backend that is held back gets no batch until it is no longer.
  void HoldBack(BackendId id, bool held_back) { backends_[id].held_back = held_back; }
  // Returns true if the backend has a free slot and is not paused, taken out or resting; it may be held back.
  bool HasRoom(BackendId id, Time now) const;

  // Of the backends that have room and are not held back, except `avoided`, returns the one with the smallest share of
  // its slots in use. For a suspect, only a backend without another suspect.
  std::optional<BackendId> FreeSlot(Time now, std::optional<BackendId> avoided = std::nullopt,
                                    bool for_suspect = false) const;
  // The slots of all backends that were not removed.
  std::uint32_t Slots() const;
  // The slots of the backends that are neither paused nor taken out; at least 1.
  std::uint32_t UsableSlots(Time now) const;
  // Returns true if another backend than this one is neither paused nor taken out.
  bool HasOther(BackendId id, Time now) const;
  // The first end of a pause or a rest of a backend that has a free slot; kNever if there is none.
  Time NextResume(Time now) const;

  void Started(BackendId id, bool suspect = false) {
    ++backends_[id].in_flight;
    if (suspect) ++backends_[id].suspects;
  }
  // Call it in addition to reporting the end of its batch.
  void SuspectEnded(BackendId id) { --backends_[id].suspects; }
  // The batch has its results. With `learn`, learns the backend's cost from it.
  void Succeeded(BackendId id, const Batch& batch, double seconds, bool learn, Time now);
  // The seats of a batch for the backend, at most `most`.
  std::uint32_t SeatsOf(BackendId id, std::uint32_t most, Time now) const {
    return backends_[id].size_limit.Seats(most, now);
  }
  // The backend refused the batch for lack of room. Returns true if it has refused everything for so long that this
  // counts as a failure.
  bool RefusedForTooLong(BackendId id, const Batch& batch, Time now);
  // The refused batch has ended, which does not count as a failure.
  void Busy(BackendId id, const Batch& batch, Time now);
  // The backend could not be reached, or hung.
  void Failed(BackendId id, Time now);
  // The backend failed the batch with an error that may be the batch's own fault.
  void FailedForContent(BackendId id, Time now);
  // The batch ended in a way that says nothing about the backend's health.
  void Ended(BackendId id) { --backends_[id].in_flight; }
  // Returns true if this changed the backend's health.
  bool HealthChecked(BackendId id, HealthReport report, Time now);

  // Returns true if every backend has been failing for unavailable_after and none is due to be tried again, or if there
  // has been no backend for as long. So replacing a backend costs no request its answer, whether the old one goes first
  // or the new one comes first.
  bool Unavailable(Time now) const;
  // The time when Unavailable may become true if nothing succeeds; kNever if a backend works.
  Time UnavailableAt() const;

  // Returns true if the backend's batches of this length are known to take what its cost model says: the model is
  // fitted to a full window of batches, and as many were served since the backend last could not be reached or hung. So
  // a backend that has become slower is not given up again and again before the fit has learned that.
  bool KnowsTimeOf(BackendId id, std::uint32_t length) const {
    return backends_[id].served_since_failure >= CostFit::kSamples && backends_[id].fit.KnowsLength(length);
  }
  // Returns true if every backend's cost at this length is known from its batches, and a sequence alone would take
  // longer than `seconds` on all of them.
  bool TakesLonger(std::uint32_t length, double seconds) const;

  // The believed time of a sequence alone on the fastest backend, in seconds.
  double LeastAlone(std::uint32_t length) const;

  // The cost of batches before a backend is chosen: that of the first backend or, if there is none, of a removed one.
  CostModel TypicalCost() const;
  // The same for batches whose longest sequence has this length. If the costs are assumed, that of the first backend
  // whose batches have taught it, a removed one if necessary. If they are told, and batches have not taught this length
  // but made it more expensive, as told: batches of short texts say nothing about long ones.
  BelievedCost TypicalCost(std::uint32_t length) const;
  // The same for the greatest length whose cost a backend's batches have taught; 0 if they have taught none.
  BelievedCost TaughtCost() const;
  // The cost of the backend's batches with a longest sequence of this length: its own if that is known or no other
  // backend's batches have taught it.
  BelievedCost CostOf(BackendId id, std::uint32_t length) const;
  // The same, its own in any case.
  BelievedCost OwnCost(BackendId id) const { return Belief(backends_[id]); }

  // Indexed by BackendId, removed ones included.
  const std::deque<Backend>& backends() const { return backends_; }
  Backend& operator[](BackendId id) { return backends_[id]; }

 private:
  static bool CanBeUsed(const Backend& backend, Time now) {
    return !backend.removed && backend.healthy && backend.paused_until <= now;
  }
  BelievedCost Belief(const Backend& backend) const;
  // The first backend whose batches have taught the cost of this length, a removed one if necessary; null if none.
  const Backend* TeacherOf(std::uint32_t length) const;
  const Backend* Typical() const;
  bool WasSlow(const Backend& backend, const Batch& batch, double seconds) const;
  static void Learn(Backend& backend, const Batch& batch, double seconds);
  void Pause(Backend& backend, Time now);
  // Lets the backend rest for a random time of up to this share of the batch's counted cost.
  void Rest(Backend& backend, const Batch& batch, double share, Time now) const;

  BackendOptions options_;
  std::deque<Backend> backends_;
  std::size_t count_ = 0;              // without the removed ones
  std::optional<Time> without_since_;  // there has been none since then
};

}  // namespace smartbatch::scheduling
