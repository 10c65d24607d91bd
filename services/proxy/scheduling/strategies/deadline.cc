#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>

#include <absl/container/btree_map.h>

#include "services/proxy/scheduling/strategies/density_choice.h"
#include "services/proxy/scheduling/strategies/due_classes.h"
#include "services/proxy/scheduling/strategies/starvation_lane.h"
#include "services/proxy/scheduling/strategies/strategies.h"
#include "services/proxy/scheduling/strategies/surroundings.h"
#include "services/proxy/scheduling/strategies/traffic.h"
#include "services/proxy/scheduling/strategies/urgency_choice.h"

namespace smartbatch::scheduling {
namespace {

struct DeadlineParameters {
  UrgencyChoice::Options choice;
  bool drop = true;
  double lane_share = 0.05;
  Duration lane_after = std::chrono::seconds(10);
  double lane_after_batches = 200;
};

// Answers as many requests as possible in time: by the call's own deadline or, without one, within the customer's
// latency objective. urgency_choice.h derives which of the requests that can be in time go next.
//
// A request is late once it could not be in time even if it were sent now and alone. With `drop` all of it is then
// given up, so that its caller can turn elsewhere, and its running sequences are abandoned. This happens only if its
// cost is known from batches and a batch has left within the last second: otherwise a cost that is believed to be far
// too high would end everything, and no batch would be left from which to learn. Late requests that are not given up,
// and requests that are due at no time, are served when no other request can be in time, by `density`'s rule among the
// oldest, and in free seats that cost nothing.
//
// Without `drop` a late request could wait for ever under overload, so the oldest of them has a share of the backend
// (starvation_lane.h). Once a request is late and older than `after`, the same proof holds for it:
//
//     latency <= max(after, time until it is late) + (1 + 1/phi) P + (2 + 1/phi) c_max
//
// What it is not for: the mean; shares among customers (whoever asks for shorter deadlines is served first); promises
// (a request that can be in time when it arrives may still be overtaken). Costs must be known to within some tens of
// percent.
class Deadline final : public Strategy {
 public:
  Deadline(const StrategyEnvironment& environment, const DeadlineParameters& parameters)
      : pending_(environment.pending),
        backends_(environment.backends),
        max_batch_size_(environment.max_batch_size),
        drop_(parameters.drop),
        choice_(parameters.choice),
        late_choice_(DensityChoice::Options{}),
        lane_(parameters.lane_share, parameters.lane_after, parameters.lane_after_batches),
        last_batch_(environment.max_batch_size) {}

  void Add(PendingRequest& request, bool again) override {
    if (!again) traffic_.Arrived(request, backends_.TypicalCost(), max_batch_size_);
    // A request that comes again may have the mark of another strategy, which sent it before.
    const bool was_late = again && IsLate(request);
    request.strategy_mark = was_late || request.due == kNever ? kLate : kInTime;
    if (IsLate(request)) {
      late_.emplace(request.id.number, &request);
      return;
    }
    in_time_.Add(request);
    if (drop_) next_hopeless_ = std::min(next_hopeless_, LateFrom(request));
  }
  void Remove(PendingRequest& request) override {
    if (IsLate(request)) {
      late_.erase(request.id.number);
    } else {
      in_time_.Remove(request);
    }
  }

  // The sequences that stay keep their places.
  void BeforeSplit(PendingRequest& request) override {
    if (!IsLate(request)) in_time_.RemoveSelected(request);
  }
  void AfterSplit(PendingRequest& request) override {
    if (drop_ && !IsLate(request)) next_hopeless_ = std::min(next_hopeless_, LateFrom(request));
  }

  void Select(const Occasion& occasion, Selection& selection) override {
    if (pending_.Oldest() == nullptr) return;
    SortOutLate(occasion);
    by_lane_ = OpensLane(occasion);
    if (by_lane_) {
      selection.TakeWaitingOf(*late_.begin()->second);
    } else {
      TakeInTime(occasion, selection);
      if (selection.empty()) TakeLate(occasion, selection);
    }
    selection.ChoiceIsMade();
    if (occasion.cost.RidersAreFree()) FillWithLate(selection);
    selection.DispatchForOrFull(by_lane_ ? DispatchReason::kLane : DispatchReason::kSlotFree);
  }

  void Dispatched(const Occasion& occasion, const Selection& selection, double cost_seconds) override {
    traffic_.Left(selection.members().size());
    last_dispatch_ = occasion.now;
    last_batch_ = static_cast<std::uint32_t>(selection.members().size());
    if (drop_ && !late_.empty()) next_hopeless_ = occasion.now;
    if (by_lane_) {
      lane_.Spend(cost_seconds);
    } else if (oldest_late_) {
      lane_.Save(occasion.now, *oldest_late_, cost_seconds);
    }
  }

  PendingRequest* Hopeless(Time now) override {
    if (now < next_hopeless_) return nullptr;
    next_hopeless_ = kNever;
    PendingRequest* found = nullptr;
    if (!late_.empty() && MayBeGivenUp(*late_.begin()->second, now)) found = late_.begin()->second;
    for (const DueClasses::Class& each : in_time_.classes()) {
      if (found != nullptr) break;
      if (each.empty()) continue;
      const Time from = LateFrom(each.first());
      if (from > now) {
        next_hopeless_ = std::min(next_hopeless_, from);
      } else if (MayBeGivenUp(each.first(), now)) {
        found = &each.first();
      }
    }
    if (found != nullptr) next_hopeless_ = now;  // there may be more
    return found;
  }
  Time NextHopeless(Time now) const override { return std::max(next_hopeless_, now); }

 private:
  // The values of PendingRequest::strategy_mark. Other strategies number their decisions from 1 on.
  static constexpr std::uint32_t kInTime = 0;
  static constexpr std::uint32_t kLate = UINT32_MAX;
  static constexpr double kLengthRatio = 1.25;
  // The least number of late requests that are looked at.
  static constexpr std::uint32_t kFewestLate = 64;
  // For how long a batch proves that costs are still learned.
  static constexpr Duration kTrustedFor = std::chrono::seconds(1);

  static bool IsLate(const PendingRequest& request) { return request.strategy_mark == kLate; }

  // On the fastest backend, as costs are believed now.
  Time LateFrom(const PendingRequest& request) const {
    return request.due - FromSeconds(backends_.LeastAlone(request.longest_waiting)) + Duration(1);
  }
  bool MayBeGivenUp(const PendingRequest& request, Time now) const {
    return last_dispatch_ && now - *last_dispatch_ <= kTrustedFor &&
           backends_.TakesLonger(request.longest_waiting, ToSeconds(request.due - now));
  }

  // Moves the requests that could not be in time on this backend, even if they left now and alone, to the late ones.
  void SortOutLate(const Occasion& occasion) {
    for (const DueClasses::Class& each : in_time_.classes()) {
      while (!each.empty()) {
        PendingRequest& request = each.first();
        if (ToSeconds(request.due - occasion.now) >= occasion.cost.Alone(request.longest_waiting)) break;
        in_time_.Remove(request);
        request.strategy_mark = kLate;
        late_.emplace(request.id.number, &request);
      }
    }
  }

  void TakeInTime(const Occasion& occasion, Selection& selection) {
    const auto& members = choice_.Choose(in_time_, {.now = occasion.now,
                                                    .cost = occasion.cost,
                                                    .seats = occasion.max_batch_size,
                                                    .slots = backends_.Slots(),
                                                    .mean_length = traffic_.MeanLength(),
                                                    .last_batch = last_batch_});
    for (PendingSequence* const sequence : members) selection.Take(*sequence);
  }

  // --- Late requests ---

  bool OpensLane(const Occasion& occasion) {
    oldest_late_.reset();
    if (late_.empty()) return false;
    const PendingRequest& oldest = *late_.begin()->second;
    oldest_late_ = oldest.arrival;
    const std::uint32_t seats = std::min(oldest.waiting, occasion.max_batch_size);
    return lane_.Opens(occasion.now, oldest.arrival, occasion.CountedSeconds(seats, oldest.longest_waiting));
  }
  void TakeLate(const Occasion& occasion, Selection& selection) {
    late_choice_.Start(SurroundingsOf(occasion, pending_, traffic_, backends_));
    std::uint32_t left = std::max(kFewestLate, 2 * occasion.max_batch_size);
    for (const auto& [number, request] : late_) {
      if (left-- == 0) break;
      late_choice_.ConsiderWaitingOf(*request);
    }
    late_choice_.Weigh();
    late_choice_.Take(selection);
    selection.ChoiceIsMade();
    late_choice_.Fill(selection);
  }
  void FillWithLate(Selection& selection) const {
    std::uint32_t left = std::max(kFewestLate, 2 * selection.free_seats());
    for (const auto& [number, request] : late_) {
      for (PendingSequence& sequence : request->sequences) {
        if (selection.free_seats() == 0) return;
        const bool fits = MayBeChosen(sequence) && !sequence.selected && sequence.length <= selection.longest();
        if (fits) selection.Take(sequence);
      }
      if (--left == 0) return;
    }
  }

  const PendingSet& pending_;
  const BackendPool& backends_;
  const std::uint32_t max_batch_size_;
  const bool drop_;
  DueClasses in_time_{kLengthRatio};
  absl::btree_map<std::uint64_t, PendingRequest*> late_;  // in the order of arrival
  Traffic traffic_;
  UrgencyChoice choice_;
  DensityChoice late_choice_;
  StarvationLane lane_;
  bool by_lane_ = false;
  std::optional<Time> oldest_late_;  // its arrival
  std::optional<Time> last_dispatch_;
  std::uint32_t last_batch_;  // its sequences
  // Not after the first moment at which one may be given up.
  Time next_hopeless_ = kNever;
};

}  // namespace

StrategySpecification DeadlineSpecification() {
  return {
      "deadline",
      "As many requests in time as possible, by the call's deadline or the customer's latency objective: the batch "
      "that "
      "serves the most urgency a second. Requests that can no longer be in time are given up at once, or served last.",
      {
          {"drop", "Give up requests that can no longer be in time at once; else they are served last.", 1, 0, 1,
           ParameterSpecification::Kind::kSwitch},
          {"urgency",
           "How far ahead it plans: a request is urgent if it must be started within this part of the time that the "
           "backlog takes.",
           0.5, 0.01, 100},
          {"efficiency_exponent",
           "How much it counts that a batch wastes none of the backend's time, if riders cost something.", 1, 0, 4},
          {"lane_share", "Share of the backend that is reserved for the oldest late request; 0 for none.", 0.05, 0,
           0.5},
          {"lane_after_seconds",
           "The age at which the oldest late request gets the reserved share at the latest, in seconds.", 10, 0,
           86'400},
          {"lane_after_batches", "The same age in mean batch times; the smaller of the two counts.", 200, 0, 1'000'000},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        DeadlineParameters read;
        read.choice = {parameters["urgency"], parameters["efficiency_exponent"]};
        read.drop = parameters["drop"] != 0;
        read.lane_share = parameters["lane_share"];
        read.lane_after = FromSeconds(parameters["lane_after_seconds"]);
        read.lane_after_batches = parameters["lane_after_batches"];
        return std::make_unique<Deadline>(environment, read);
      },
      [](const Parameters& parameters) {
        return StrategyPromises{.riders_are_no_longer = true, .gives_up = parameters["drop"] != 0};
      },
  };
}

}  // namespace smartbatch::scheduling
