#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/proxy/scheduling/queue/request_classes.h"
#include "services/proxy/scheduling/strategies/density_choice.h"
#include "services/proxy/scheduling/strategies/free_riders.h"
#include "services/proxy/scheduling/strategies/hold.h"
#include "services/proxy/scheduling/strategies/length_classes.h"
#include "services/proxy/scheduling/strategies/starvation_lane.h"
#include "services/proxy/scheduling/strategies/strategies.h"
#include "services/proxy/scheduling/strategies/surroundings.h"
#include "services/proxy/scheduling/strategies/traffic.h"

namespace smartbatch::scheduling {
namespace {

struct DensityParameters {
  DensityChoice::Options choice;
  double length_ratio = 1.25;
  double hold = 0.01;
  double lane_share = 0.05;
  Duration lane_after = std::chrono::seconds(10);
  double lane_after_batches = 200;
};

// The default strategy: the batch with the greatest index (density_choice.h derives the rule), free seats filled with
// the riders that are worth their seats, and a lane against starvation (starvation_lane.h states the worst wait).
//
// Candidates are the sequences of the oldest waiting requests of each class of length (length_classes.h), shortest
// class first, until no longer batch can be better than the best one found. Of each class they are those of four times
// as many requests as the last batches took sequences of it, and of two requests at least. So a decision costs the same
// however many wait. Requests are counted and not sequences, since a request with many sequences of one length would
// hide the heavier ones behind it.
//
// While riders are free and everything that waits fits into one batch, requests are not split: splitting helps only
// if seats are scarce. If riders cost something, leaving sequences for a later batch may pay even then.
class Density final : public Strategy {
 public:
  Density(const StrategyEnvironment& environment, const DensityParameters& parameters)
      : pending_(environment.pending),
        backends_(environment.backends),
        max_batch_size_(environment.max_batch_size),
        parameters_(parameters),
        most_of_a_class_(std::max(environment.max_batch_size, kMostOfAClassAtLeast)),
        sequences_(parameters.length_ratio, most_of_a_class_),
        requests_(environment.max_batch_size),
        choice_(parameters.choice),
        lane_(parameters.lane_share, parameters.lane_after, parameters.lane_after_batches),
        hold_(parameters.hold) {}

  void Add(PendingRequest& request, bool again) override {
    if (!again) traffic_.Arrived(request, backends_.TypicalCost(), max_batch_size_);
    request.strategy_mark = 0;
    if (parameters_.choice.split) {
      sequences_.Add(request, again);
    } else {
      requests_.Add(request, again);
    }
  }
  void Remove(PendingRequest& request) override {
    if (parameters_.choice.split) {
      sequences_.Remove(request);
    } else {
      requests_.Remove(request);
    }
  }
  void BeforeSplit(PendingRequest& request) override {
    if (parameters_.choice.split) return sequences_.RemoveSelected(request);
    requests_.Remove(request);
  }
  // A whole request is split only if it has more sequences than the batch has seats.
  void AfterSplit(PendingRequest& request) override {
    request.strategy_mark = 0;
    if (!parameters_.choice.split) requests_.Add(request, true);
  }

  void Select(const Occasion& occasion, Selection& selection) override {
    PendingRequest* const oldest = pending_.Oldest();
    if (oldest == nullptr) {
      hold_.Reset();
      return;
    }
    oldest_arrival_ = oldest->arrival;
    const std::uint32_t seats = std::min(oldest->waiting, occasion.max_batch_size);
    by_lane_ = lane_.Opens(occasion.now, oldest->arrival, occasion.CountedSeconds(seats, oldest->longest_waiting));
    choice_.Start(SurroundingsOf(occasion, pending_, traffic_, backends_));
    if (by_lane_) return SelectByLane(occasion, *oldest, selection);

    if (occasion.cost.RidersAreFree() && pending_.waiting_sequences() <= occasion.max_batch_size) {
      CollectAll();
      choice_.ChooseUncontended(candidates_, selection);
    } else if (parameters_.choice.split) {
      ConsiderByClass();
      choice_.Take(selection);
      selection.ChoiceIsMade();
      FillWithSequences(selection);
    } else {
      CollectWindow(occasion);
      choice_.ChooseRequests(candidates_, selection);
      FillWithFreeRequests(occasion, selection);
    }
    hold_.DispatchOrWait(occasion, selection, selection.members().size() == pending_.waiting_sequences());
  }

  void Dispatched(const Occasion& occasion, const Selection& selection, double cost_seconds) override {
    traffic_.Left(selection.members().size());
    if (by_lane_) return lane_.Spend(cost_seconds);
    lane_.Save(occasion.now, oldest_arrival_, cost_seconds);
    sequences_.ShowAsManyAsAreTaken(selection, kFewestOfAClass, most_of_a_class_);
  }

 private:
  // Only riders that cost nothing are taken: the credit was saved for the oldest.
  void SelectByLane(const Occasion& occasion, PendingRequest& oldest, Selection& selection) {
    selection.TakeWaitingOf(oldest);
    selection.ChoiceIsMade();
    if (parameters_.choice.split) {
      if (occasion.cost.RidersAreFree()) FillWithSequences(selection);
    } else {
      FillWithFreeRequests(occasion, selection);
    }
    selection.DispatchFor(DispatchReason::kLane);
    hold_.Reset();
  }
  // The longest class that fits first, and of each class the oldest.
  void FillWithSequences(Selection& selection) {
    auto& classes = sequences_.classes();
    for (std::size_t i = sequences_.PlaceOf(selection.longest()) + 1; i-- > 0;) {
      // Those that are selected already, or too long for the batch, are skipped, but only up to a limit.
      std::uint32_t left = 2 * selection.free_seats();
      for (PendingSequence& sequence : classes[i].waiting) {
        if (selection.free_seats() == 0) return;
        if (left-- == 0) break;
        if (!choice_.FillWith(sequence, selection)) return;
      }
    }
  }
  void FillWithFreeRequests(const Occasion& occasion, Selection& selection) const {
    if (occasion.cost.RidersAreFree()) FillWithRequests(requests_, selection);
  }

  static constexpr std::uint32_t kFewestOfAClass = 2;
  // As many as a batch has seats, or this many.
  static constexpr std::uint32_t kMostOfAClassAtLeast = 8;
  void ConsiderByClass() {
    auto& classes = sequences_.classes();
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (classes[i].waiting.empty()) continue;
      if (!CouldBeBetterFrom(i)) return;
      std::uint32_t left = classes[i].shown;
      std::uint32_t most = most_of_a_class_;
      const PendingRequest* last = nullptr;
      for (PendingSequence& sequence : classes[i].waiting) {
        if (most-- == 0) break;
        if (sequence.request != last && left-- == 0) break;
        last = sequence.request;
        choice_.Consider(sequence);
      }
      choice_.Weigh();
    }
  }
  // Whether a batch whose longest is in this class or a longer one could be better than the best so far.
  bool CouldBeBetterFrom(std::size_t first) {
    const auto& classes = sequences_.classes();
    double weight = 0;
    for (std::size_t i = first; i < classes.size(); ++i) {
      if (classes[i].waiting.empty()) continue;
      if (choice_.CouldBeBetter(0, classes[i].shortest)) return true;
      weight = std::max(weight, choice_.MostWeight(classes[i].oldest, classes[i].longest));
      if (choice_.CouldBeBetter(weight, classes[i].shortest)) return true;
    }
    return false;
  }

  void CollectAll() {
    candidates_.clear();
    for (PendingRequest* request = pending_.Oldest(); request != nullptr; request = pending_.Younger(*request)) {
      candidates_.push_back(request);
    }
  }

  // Of the requests that need k seats the B / k shortest, and the B / 2 oldest.
  void CollectWindow(const Occasion& occasion) {
    candidates_.clear();
    ++decision_;
    // A little less than it is, so that rounding never rejects the very request that has it.
    const double density_for_each_seat = DensityOfTheShortest() / occasion.max_batch_size * (1 - 1e-9);
    const double oldest_weight = choice_.WeightOf(*pending_.Oldest());
    // A batch with B times the request's own weight, or the oldest's, that takes longer than this serves less a second
    // than the best of the shortest requests alone.
    const auto worth_trying = [&](const PendingRequest& request) {
      const double needed = occasion.cost.Alone(request.longest_waiting) * density_for_each_seat;
      return needed <= oldest_weight || needed <= choice_.WeightOf(request);
    };
    for (std::uint32_t size = 1; size <= requests_.largest_size(); ++size) {
      const RequestsByLength* const requests = requests_.OfSize(size);
      if (requests == nullptr) continue;
      std::uint32_t left = (occasion.max_batch_size + size - 1) / size;
      PendingRequest* request = requests->Shortest();
      for (; request != nullptr && left > 0 && worth_trying(*request); --left) {
        AddCandidate(*request);
        request = requests->NextLonger(*request);
      }
    }
    std::uint32_t left = (occasion.max_batch_size + 1) / 2;
    for (PendingRequest* request = pending_.Oldest(); request != nullptr && left > 0; --left) {
      if (request->strategy_mark != decision_ && worth_trying(*request)) AddCandidate(*request);
      request = pending_.Younger(*request);
    }
  }
  // The best density of a shortest request of its size, by itself.
  double DensityOfTheShortest() const {
    double density = 0;
    for (std::uint32_t size = 1; size <= requests_.largest_size(); ++size) {
      const RequestsByLength* const requests = requests_.OfSize(size);
      if (requests == nullptr || requests->empty()) continue;
      density = std::max(density, choice_.DensityOf(*requests->Shortest()));
    }
    return density;
  }
  void AddCandidate(PendingRequest& request) {
    request.strategy_mark = decision_;
    candidates_.push_back(&request);
  }

  const PendingSet& pending_;
  const BackendPool& backends_;
  const std::uint32_t max_batch_size_;
  const DensityParameters parameters_;
  const std::uint32_t most_of_a_class_;
  // The waiting sequences if requests are split, else the waiting requests.
  LengthClasses sequences_;
  RequestClasses requests_;
  Traffic traffic_;
  DensityChoice choice_;
  StarvationLane lane_;
  Hold hold_;
  std::vector<PendingRequest*> candidates_;
  // Marks the candidates of one decision in PendingRequest::strategy_mark. After four billion it begins anew, and one
  // decision may then take what it has not looked at for a candidate.
  std::uint32_t decision_ = 0;
  bool by_lane_ = false;
  Time oldest_arrival_{};
};

}  // namespace

StrategySpecification DensitySpecification() {
  return {
      "density",
      "Serves the most weight a second: the batch with the largest sum of age weights over its cost, times its "
      "efficiency if riders cost something; free seats filled with riders that are worth their seats, and a reserved "
      "share for the request that has waited longest.",
      {
          {"split", "Let the sequences of one request travel in different batches.", 1, 0, 1,
           ParameterSpecification::Kind::kSwitch},
          {"age_exponent", "How the weight of a request grows with its age: 0 is best for the mean, more for the tail.",
           0.5, 0, 4},
          {"efficiency_exponent",
           "How much it counts that a batch wastes none of the backend's time, if riders cost something.", 0.5, 0, 4},
          {"length_ratio", "Lengths up to this many times each other are of one class, in which the oldest come first.",
           1.25, 1.05, 4},
          {"hold", "How long a batch with free seats waits for company, as a fraction of its cost; at most a second.",
           0.01, 0, 1},
          {"lane_share",
           "Share of the backend that is reserved for the oldest request once it is older than "
           "lane_after_seconds; 0 for none.",
           0.05, 0, 0.5},
          {"lane_after_seconds",
           "The age at which the oldest request gets the reserved share at the latest, in seconds.", 10, 0, 86'400},
          {"lane_after_batches", "The same age in mean batch times; the smaller of the two counts.", 200, 0, 1'000'000},
          {"tier_ratio", "How much heavier a request is than one of the next lower tier.", 1, 1, 100},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        DensityParameters read;
        read.choice.split = parameters["split"] != 0;
        read.choice.age_exponent = parameters["age_exponent"];
        read.choice.tier_ratio = parameters["tier_ratio"];
        read.choice.efficiency_exponent = parameters["efficiency_exponent"];
        read.length_ratio = parameters["length_ratio"];
        read.hold = parameters["hold"];
        read.lane_share = parameters["lane_share"];
        read.lane_after = FromSeconds(parameters["lane_after_seconds"]);
        read.lane_after_batches = parameters["lane_after_batches"];
        return std::make_unique<Density>(environment, read);
      },
      [](const Parameters& parameters) {
        using Requests = StrategyPromises::Requests;
        const bool splits = parameters["split"] != 0;
        return StrategyPromises{.requests = splits ? Requests::kWholeIfUncontended : Requests::kWhole,
                                .riders_are_no_longer = true,
                                .hold = parameters["hold"]};
      },
  };
}

}  // namespace smartbatch::scheduling
