#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include <absl/container/btree_map.h>

#include "services/proxy/scheduling/queue/request_classes.h"
#include "services/proxy/scheduling/strategies/density_choice.h"
#include "services/proxy/scheduling/strategies/free_riders.h"
#include "services/proxy/scheduling/strategies/hold.h"
#include "services/proxy/scheduling/strategies/strategies.h"
#include "services/proxy/scheduling/strategies/surroundings.h"
#include "services/proxy/scheduling/strategies/traffic.h"

namespace smartbatch::scheduling {
namespace {

struct WeightedFairParameters {
  DensityChoice::Options choice;
  Duration window = std::chrono::milliseconds(300);
  std::uint32_t candidates = 8;
  double hold = 0.01;
  Duration keep_lag = std::chrono::seconds(10);
};

// Gives each customer backend time in proportion to its weight, to within a window. Inside the window it chooses the
// batch that serves the most weight a second (density_choice.h).
//
// Every customer has a counter X_c of the backend time charged to it over its weight (CustomerAccounts: a virtual token
// counter, Sheng et al., OSDI 2024). Eligible are the backlogged customers with X_c <= min X + D; D is the window. The
// batch is chosen from the eligible customers' requests, and its cost is charged to them by the airport game
// (airport_charges.h). Free seats go to riders that are worth their seats, and a rider is charged only for its seat. If
// riders are free they come from all customers, else from the eligible ones.
//
// V, virtual time, is the largest value that min X has had. A customer that comes back starts at V, so that idleness
// saves nothing up; but for `keep_lag` it keeps its lag, the distance to V at which it left, up to K = D. Otherwise a
// customer with a single open call, which leaves with every answer, would begin each call level with a hog whose dozen
// calls are older, and wait until these had used up the window. With the lag that it gathered by waiting it is next but
// one. For the backlogged customers, at all times (c_max the most that a batch can cost, w_min the smallest weight):
//
//     X_c <= V + D + c_max / w_c      at a charge X_c was within D of min X, which is at most V
//     X_c >= V - K                    so it came back, and V does not pass the least counter
//     max X - min X <= D + K + c_max / w_min
//
// No customer saves up. Lag is gathered by waiting while others are served, an absence adds nothing to it, and no
// counter falls. So while j waits, from s to t, i gets at most this much more, however it comes and goes (S is what was
// charged to them; from X_i(t) <= X_j(t) + D + c_max / w_i, X_i(s) >= V(s) - K and X_j(s) <= V(s) + D + c_max / w_j):
//
//     S_i / w_i - S_j / w_j <= 2 (D + c_max / w_min) + K
//
// A customer that has just become backlogged waits at most until the others' counters have passed its own: with N
// customers in total, (N - 1) (D + K + c_max / w_min) w_max of others' service. What it is not for: a bound within one
// customer. Age counts among its requests, but a long one may wait behind short ones of the same customer that keep
// coming.
class WeightedFair final : public Strategy {
 public:
  WeightedFair(const StrategyEnvironment& environment, const WeightedFairParameters& parameters)
      : pending_(environment.pending),
        customers_(environment.customers),
        backends_(environment.backends),
        max_batch_size_(environment.max_batch_size),
        parameters_(parameters),
        classes_(environment.max_batch_size),
        choice_(parameters.choice),
        hold_(parameters.hold) {}

  void Add(PendingRequest& request, bool again) override {
    if (!again) traffic_.Arrived(request, backends_.TypicalCost(), max_batch_size_);
    request.strategy_mark = 0;
    IndexFor(*request.customer).Add(request);
    if (parameters_.choice.split) {
      sequences_.Add(request, again);
    } else {
      classes_.Add(request, again);
    }
  }
  void Remove(PendingRequest& request) override {
    if (parameters_.choice.split) {
      sequences_.Remove(request);
    } else {
      classes_.Remove(request);
    }
    Customer& customer = *request.customer;
    IndexFor(customer).Remove(request);
    if (customer.waiting_requests > 1) return;
    free_indexes_.push_back(customer.strategy_key);
    customer.strategy_key = 0;
  }
  // A rider is seldom the longest of its request, which then keeps its place in its customer's index. The sequences
  // that stay come before their likes: a request that was begun is finished first.
  void BeforeSplit(PendingRequest& request) override {
    if (!parameters_.choice.split) return Remove(request);
    sequences_.Remove(request);
    loses_longest_ =
        std::none_of(request.sequences.begin(), request.sequences.end(), [&](const PendingSequence& other) {
          const bool stays = other.state == SequenceState::kWaiting && !other.alone && !other.selected;
          return stays && other.length == request.longest_waiting;
        });
    if (loses_longest_) IndexFor(*request.customer).Remove(request);
  }
  void AfterSplit(PendingRequest& request) override {
    if (!parameters_.choice.split) return Add(request, true);
    sequences_.Add(request, true);
    if (loses_longest_) IndexFor(*request.customer).Add(request);
  }

  LagAllowance lag_allowance() const override { return {ToSeconds(parameters_.window), parameters_.keep_lag}; }

  void Select(const Occasion& occasion, Selection& selection) override {
    if (customers_.backlogged().empty()) {
      hold_.Reset();
      return;
    }
    choice_.Start(SurroundingsOf(occasion, pending_, traffic_, backends_));
    const bool riders_are_free = occasion.cost.RidersAreFree();
    const bool contended = CollectCandidates(occasion.max_batch_size);
    if (!contended && riders_are_free) {
      choice_.ChooseUncontended(candidates_, selection);
    } else if (parameters_.choice.split) {
      for (PendingRequest* const request : candidates_) choice_.ConsiderWaitingOf(*request);
      choice_.Weigh();
      choice_.Take(selection);
    } else {
      choice_.ChooseRequests(candidates_, selection);
    }
    selection.RestRidesFree();
    Fill(riders_are_free, selection);
    hold_.DispatchOrWait(occasion, selection, selection.members().size() == pending_.waiting_sequences());
  }

  void Dispatched(const Occasion& /*occasion*/, const Selection& selection, double /*cost_seconds*/) override {
    traffic_.Left(selection.members().size());
  }

 private:
  // A customer that is ahead may only ride free: otherwise the seat would be charged, and the customer would get
  // further ahead.
  void Fill(bool riders_are_free, Selection& selection) {
    if (selection.free_seats() == 0) return;
    if (parameters_.choice.split) {
      FillWithSequences(sequences_.by_length(), selection, [&](const PendingSequence& sequence) {
        return riders_are_free || (sequence.request->customer->counter <= limit_ && choice_.Pays(sequence, selection));
      });
    } else if (riders_are_free) {
      FillWithRequests(classes_, selection);
    }
  }

  // The requests of one customer, shortest first and, of one length, oldest first.
  class alignas(64) Index {
   public:
    void Add(PendingRequest& request) {
      const Key key = KeyOf(request);
      requests_.emplace(key, &request);
      if (key < shortest_key_) SetShortest(key, &request);
    }
    void Remove(PendingRequest& request) {
      requests_.erase(KeyOf(request));
      if (shortest_ != &request) return;
      if (requests_.empty()) {
        SetShortest(kNoKey, nullptr);
      } else {
        SetShortest(requests_.begin()->first, requests_.begin()->second);
      }
    }
    // Calls `visit` for at most `most` requests, the shortest first.
    template <class Visit>
    void ForEachShortest(std::size_t most, Visit visit) const {
      if (most == 1 && shortest_ != nullptr) return visit(*shortest_);
      for (auto place = requests_.begin(); place != requests_.end() && most > 0; ++place, --most) visit(*place->second);
    }

   private:
    // The length in the upper bits, below them the number, which would take two years of a million offers a second to
    // reach them. One word for a key keeps the tree flat.
    using Key = std::uint64_t;
    static constexpr int kNumberBits = 46;
    static_assert(kLongestSequence < 1U << (64 - kNumberBits));
    static constexpr Key kNoKey = ~Key{0};
    static Key KeyOf(const PendingRequest& request) {
      return Key{request.longest_waiting} << kNumberBits | request.id.number;
    }
    void SetShortest(Key key, PendingRequest* request) {
      shortest_key_ = key;
      shortest_ = request;
    }

    // If there are many customers only this request is looked at. It is kept outside the tree, since each step into the
    // tree of a customer that was not looked at for long is a wait for memory.
    Key shortest_key_ = kNoKey;
    PendingRequest* shortest_ = nullptr;
    absl::btree_map<Key, PendingRequest*> requests_;
  };

  // At most this many customers are considered at once: there would not be enough seats for more.
  static constexpr std::size_t kMostEligible = 64;

  Index& IndexFor(Customer& customer) {
    if (customer.strategy_key == 0) {
      if (free_indexes_.empty()) {
        indexes_.emplace_back();
        free_indexes_.push_back(indexes_.size());
      }
      customer.strategy_key = free_indexes_.back();
      free_indexes_.pop_back();
    }
    return indexes_[customer.strategy_key - 1];
  }

  // Collects the shortest requests of each eligible customer and, in all half as many, the oldest of each, those of the
  // customers with the least counters first. Several of the oldest, since long requests that have waited may together
  // be worth more than the short ones, and alone not. Returns whether more sequences of eligible customers wait than
  // the batch has seats.
  bool CollectCandidates(std::uint32_t max_batch_size) {
    limit_ = customers_.backlogged().LeastCounter() + ToSeconds(parameters_.window);
    const std::size_t wanted = std::max(parameters_.candidates, max_batch_size);
    const std::size_t most = std::min(kMostEligible, wanted);
    eligible_.clear();
    customers_.backlogged().Collect(limit_, most, eligible_);
    std::uint64_t sequences = 0;
    for (const Customer* const customer : eligible_) sequences += customer->waiting_sequences;
    const bool contended = sequences > max_batch_size;
    const std::size_t of_each = contended ? std::max<std::size_t>(1, wanted / eligible_.size()) : max_batch_size;
    candidates_.clear();
    ++decision_;
    std::size_t oldest_left = std::max<std::size_t>(1, wanted / 2);
    const std::size_t oldest_of_each = std::max<std::size_t>(1, oldest_left / eligible_.size());
    for (Customer* const customer : eligible_) {
      // A customer may be backlogged only by sequences that are tried again alone.
      if (customer->strategy_key == 0) continue;
      indexes_[customer->strategy_key - 1].ForEachShortest(of_each,
                                                           [this](PendingRequest& request) { AddCandidate(request); });
      std::size_t left = std::min(oldest_of_each, oldest_left);
      oldest_left -= left;
      PendingRequest* request = left > 0 ? PendingSet::OldestOf(*customer) : nullptr;
      for (; request != nullptr && left > 0; --left) {
        if (request->strategy_mark != decision_) AddCandidate(*request);
        request = PendingSet::YoungerOfCustomer(*request);
      }
    }
    return contended;
  }
  void AddCandidate(PendingRequest& request) {
    request.strategy_mark = decision_;
    candidates_.push_back(&request);
  }

  const PendingSet& pending_;
  const CustomerAccounts& customers_;
  const BackendPool& backends_;
  const std::uint32_t max_batch_size_;
  const WeightedFairParameters parameters_;
  std::deque<Index> indexes_;
  // Places in indexes_, from 1; a customer remembers its own in strategy_key.
  std::vector<std::uint64_t> free_indexes_;
  // What may ride: sequences if requests are split, else whole requests.
  WaitingSequences sequences_;
  RequestClasses classes_;
  Traffic traffic_;
  DensityChoice choice_;
  Hold hold_;
  std::vector<Customer*> eligible_;
  std::vector<PendingRequest*> candidates_;
  // Marks the candidates of one decision in PendingRequest::strategy_mark. After four billion it begins anew, and one
  // decision may then take what it has not looked at for a candidate.
  std::uint32_t decision_ = 0;
  // The largest counter of an eligible customer, at the last choice.
  double limit_ = 0;
  // Between BeforeSplit and AfterSplit.
  bool loses_longest_ = false;
};

}  // namespace

StrategySpecification WeightedFairSpecification() {
  return {
      "weighted_fair",
      "Backend time in proportion to the customers' weights, to within a window; inside the window the batch that "
      "serves the most weight a second.",
      {
          {"window_seconds",
           "How far a customer's charged time over its weight may run ahead; 0.05 puts isolation first.", 0.3, 0, 60},
          {"split", "Let the sequences of one request travel in different batches.", 1, 0, 1,
           ParameterSpecification::Kind::kSwitch},
          {"age_exponent", "How the weight of a request grows with its age.", 0.5, 0, 4},
          {"efficiency_exponent",
           "How much it counts that a batch wastes none of the backend's time, if riders cost something.", 0.5, 0, 4},
          {"candidates",
           "Requests that are considered, shortest first, over the eligible customers; and half as many of the oldest.",
           8, 1, 4096, ParameterSpecification::Kind::kInteger},
          {"hold", "How long a batch with free seats waits for company, as a fraction of its cost; at most a second.",
           0.01, 0, 1},
          {"keep_lag_seconds",
           "How long a customer with nothing waiting keeps its distance behind the others, up to window_seconds; 0 "
           "puts it "
           "level with them.",
           10, 0, 3600},
      },
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        WeightedFairParameters read;
        read.choice.split = parameters["split"] != 0;
        read.choice.age_exponent = parameters["age_exponent"];
        read.choice.efficiency_exponent = parameters["efficiency_exponent"];
        read.window = FromSeconds(parameters["window_seconds"]);
        read.candidates = static_cast<std::uint32_t>(parameters["candidates"]);
        read.hold = parameters["hold"];
        read.keep_lag = FromSeconds(parameters["keep_lag_seconds"]);
        return std::make_unique<WeightedFair>(environment, read);
      },
      [](const Parameters& parameters) {
        using Requests = StrategyPromises::Requests;
        const bool splits = parameters["split"] != 0;
        return StrategyPromises{.requests = splits ? Requests::kInParts : Requests::kWhole,
                                .riders_are_no_longer = true,
                                .hold = parameters["hold"],
                                .shares_between_customers = true};
      },
  };
}

}  // namespace smartbatch::scheduling
