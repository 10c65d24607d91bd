#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/proxy/scheduling/density_choice.h"
#include "services/proxy/scheduling/free_riders.h"
#include "services/proxy/scheduling/hold.h"
#include "services/proxy/scheduling/request_classes.h"
#include "services/proxy/scheduling/starvation_lane.h"
#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

struct DensityParameters {
  DensityChoice::Options choice;
  std::uint32_t window = 5;
  double hold = 0.01;
  double lane_share = 0.05;
  Duration lane_after = std::chrono::seconds(10);
};

// The default: the batch that serves the most weight a second (density_choice.h derives the rule), free seats filled
// with what rides free (free_riders.h), and a lane against starvation (starvation_lane.h states the worst wait).
//
// While everything that waits fits into one batch, requests are not split: splitting helps only where seats are
// scarce. Otherwise the choice is over a window of candidates: in each class of requests that need k seats the
// max(window, B) / k shortest, and the window / 2 oldest. A decision so costs the same however many wait.
class Density final : public Strategy {
 public:
  Density(const StrategyEnvironment& environment, const DensityParameters& parameters)
      : pending_(environment.pending),
        parameters_(parameters),
        classes_(environment.max_batch_size),
        choice_(parameters.choice),
        lane_(parameters.lane_share, parameters.lane_after),
        hold_(parameters.hold) {}

  void Add(PendingRequest& request, bool again) override {
    request.strategy_key = 0;
    classes_.Add(request, again);
    if (parameters_.choice.split) sequences_.Add(request, again);
  }
  void Remove(PendingRequest& request) override {
    classes_.Remove(request);
    if (parameters_.choice.split) sequences_.Remove(request);
  }

  void Select(const Occasion& occasion, Selection& selection) override {
    PendingRequest* const oldest = pending_.Oldest();
    if (oldest == nullptr) {
      hold_.Reset();
      return;
    }
    oldest_arrival_ = oldest->arrival;
    choice_.Start(occasion.now, occasion.cost);
    by_lane_ =
        lane_.Opens(occasion.now, oldest->arrival, occasion.cost.Seconds(oldest->waiting, oldest->longest_waiting));
    if (by_lane_) {
      selection.TakeWaitingOf(*oldest);
      Fill(selection);
      selection.DispatchFor(DispatchReason::kLane);
      hold_.Reset();
      return;
    }
    if (pending_.waiting_sequences() <= occasion.max_batch_size) {
      CollectAll();
      choice_.ChooseUncontended(candidates_, selection);
    } else {
      CollectWindow(occasion);
      choice_.Choose(candidates_, selection);
      Fill(selection);
    }
    hold_.DispatchOrWait(occasion, selection);
  }

  void Dispatched(const Occasion& occasion, const Selection&, double cost_seconds) override {
    if (by_lane_) {
      lane_.Spend(cost_seconds);
    } else {
      lane_.Save(occasion.now, oldest_arrival_, cost_seconds);
    }
  }

 private:
  void CollectAll() {
    candidates_.clear();
    for (PendingRequest* request = pending_.Oldest(); request != nullptr; request = pending_.Younger(*request)) {
      candidates_.push_back(request);
    }
  }

  void CollectWindow(const Occasion& occasion) {
    candidates_.clear();
    ++decision_;
    // A little less than it is, so that rounding never rejects the very request that has it.
    const double density_for_each_seat = DensityOfTheShortest() / occasion.max_batch_size * (1 - 1e-9);
    const double oldest_weight = choice_.WeightOf(*pending_.Oldest());
    // A batch of B times a request's own weight, or that of the oldest, that takes longer serves less a second than the
    // best of the shortest requests by itself.
    const auto worth_trying = [&](const PendingRequest& request) {
      const double needed = occasion.cost.Alone(request.longest_waiting) * density_for_each_seat;
      return needed <= oldest_weight || needed <= choice_.WeightOf(request);
    };
    const std::uint32_t seats = std::max(parameters_.window, occasion.max_batch_size);
    for (std::uint32_t size = 1; size <= classes_.largest_size(); ++size) {
      const RequestsByLength* const requests = classes_.OfSize(size);
      if (requests == nullptr) continue;
      std::uint32_t left = (seats + size - 1) / size;
      PendingRequest* request = requests->Shortest();
      for (; request != nullptr && left > 0 && worth_trying(*request); --left) {
        AddCandidate(*request);
        request = requests->NextLonger(*request);
      }
    }
    std::uint32_t left = parameters_.window / 2;
    for (PendingRequest* request = pending_.Oldest(); request != nullptr && left > 0; --left) {
      if (request->strategy_key != decision_ && worth_trying(*request)) AddCandidate(*request);
      request = pending_.Younger(*request);
    }
  }
  // The best density of a shortest request of its size, by itself.
  double DensityOfTheShortest() const {
    double density = 0;
    for (std::uint32_t size = 1; size <= classes_.largest_size(); ++size) {
      const RequestsByLength* const requests = classes_.OfSize(size);
      if (requests == nullptr || requests->empty()) continue;
      density = std::max(density, choice_.DensityOf(*requests->Shortest()));
    }
    return density;
  }
  void AddCandidate(PendingRequest& request) {
    request.strategy_key = decision_;
    candidates_.push_back(&request);
  }

  void Fill(Selection& selection) {
    if (selection.free_seats() == 0) return;
    if (parameters_.choice.split) {
      FillWithSequences(sequences_.by_length(), selection,
                        [&](const PendingSequence& sequence) { return choice_.Pays(sequence, selection); });
    } else {
      FillWithRequests(classes_, selection);
    }
  }

  const PendingSet& pending_;
  const DensityParameters parameters_;
  RequestClasses classes_;
  WaitingSequences sequences_;
  DensityChoice choice_;
  StarvationLane lane_;
  Hold hold_;
  std::vector<PendingRequest*> candidates_;
  // Marks the candidates of one decision in PendingRequest::strategy_key.
  double decision_ = 0;
  bool by_lane_ = false;
  Time oldest_arrival_{};
};

}  // namespace

StrategySpecification DensitySpecification() {
  return {
      "density",
      "Serves the most weight a second: the batch with the largest sum of age weights over its cost, free seats filled "
      "with what adds nothing, and a reserved share for whoever waits longest.",
      {
          {"split", "Let the sequences of one request travel in different batches.", 1, 0, 1,
           ParameterSpecification::Kind::kSwitch},
          {"age_exponent", "How the weight of a request grows with its age: 0 is best for the mean, more for the tail.",
           0.5, 0, 4},
          {"window", "Sequences that are considered of the requests of each size, shortest first.", 5, 1, 4096,
           ParameterSpecification::Kind::kInteger},
          {"hold", "How long a batch with free seats waits for company, as a fraction of its cost.", 0.01, 0, 1},
          {"lane_share",
           "Share of the backend that is reserved for the oldest request once it is older than "
           "lane_after_seconds; 0 for none.",
           0.05, 0, 0.5},
          {"lane_after_seconds", "The age at which the oldest request gets the reserved share, in seconds.", 10, 0,
           86'400},
          {"tier_ratio", "How much heavier a request is than one of the next lower tier.", 1, 1, 100},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        DensityParameters read;
        read.choice.split = parameters["split"] != 0;
        read.choice.age_exponent = parameters["age_exponent"];
        read.choice.tier_ratio = parameters["tier_ratio"];
        read.window = static_cast<std::uint32_t>(parameters["window"]);
        read.hold = parameters["hold"];
        read.lane_share = parameters["lane_share"];
        read.lane_after = FromSeconds(parameters["lane_after_seconds"]);
        return std::make_unique<Density>(environment, read);
      },
  };
}

}  // namespace smartbatch::scheduling
