// What a strategy is: what it is asked, what it may see, what it answers, and how it describes itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/model/believed_cost.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

// What is known when a slot is free.
struct Occasion {
  Time now{};
  // The seats of the batch: as many sequences as the backend takes. A request may have more.
  std::uint32_t max_batch_size = 5;
  // The cost of batches on the backend whose slot is free, and the longest sequence for which it is known.
  CostModel cost;
  std::uint32_t known_length = std::numeric_limits<std::uint32_t>::max();

  double CountedSeconds(std::size_t sequences, std::uint32_t longest) const {
    return BelievedCost{cost, known_length}.CountedSeconds(sequences, longest);
  }
};

class AdvisedStrategy;

// Chooses what goes into the next batch.
//
// The scheduler owns the pending set and the customers' accounts. A strategy reads them, and keeps indexes of its own,
// which it updates when it is told of arrivals and removals. Every change of what waits is a Remove followed by an Add:
// so is a request of which some sequences are dispatched while others go on waiting, unless the strategy overrides
// BeforeSplit and AfterSplit.
//
// At a switch the old object is destroyed and the new one is told of everything that waits, in the order of arrival: a
// switch takes time linear in the queue.
//
// A strategy reads no clock and draws no random numbers. Thread safety: none.
class Strategy {
 public:
  virtual ~Strategy() = default;

  // The strategy may choose the waiting sequences of the request from now on. The pending set already counts it.
  // `again` is true if the request was here before: it has been served in part, or a backend has failed it.
  virtual void Add(PendingRequest& request, bool again) = 0;

  // The request is about to lose waiting sequences: they were chosen, or the request ends. The pending set still counts
  // it: if the customer's waiting_requests is 1, it is the customer's last one. Called once for every Add.
  virtual void Remove(PendingRequest& request) = 0;

  // The same for a request of which only some waiting sequences were chosen, those that are `selected`: called once
  // before the pending set moves them, and once after. A strategy that splits requests may override these to leave in
  // its indexes what does not change.
  virtual void BeforeSplit(PendingRequest& request) { Remove(request); }
  virtual void AfterSplit(PendingRequest& request) { Add(request, true); }

  // Fills `selection`, which comes empty: with a batch, with a time at which to be asked again, or with nothing if
  // nothing waits. A strategy that asks to wait is asked again at every arrival, and at the latest at the time that it
  // named.
  virtual void Select(const Occasion& occasion, Selection& selection) = 0;

  // The batch chosen last was dispatched. `cost_seconds` is its counted cost.
  virtual void Dispatched(const Occasion& occasion, const Selection& selection, double cost_seconds);

  // How far behind the others a customer that comes back may still be; by default not at all.
  virtual LagAllowance lag_allowance() const { return {}; }

  // For a strategy that gives up requests that can no longer be in time: returns one of them; null if there is none
  // now. The scheduler ends it (Outcome::kExpired, Finished::hopeless), which removes it, and asks for the next.
  virtual PendingRequest* Hopeless(Time now);
  // When there may be one if nothing else happens; kNever if that cannot be told yet.
  virtual Time NextHopeless(Time now) const;

  // This strategy if it follows another one; null for a strategy that chooses itself.
  virtual AdvisedStrategy* Advised() { return nullptr; }
};

// Tells a new strategy object of everything that waits, in the order of arrival.
void TellOfEverything(const PendingSet& pending, Strategy& strategy);

// --- Parameters ---

// One number that can be set. A switch is 0 or 1, and may be written as false or true; a choice is the index of a name
// in `choices`.
struct ParameterSpecification {
  std::string name;
  std::string description;
  double default_value = 0;
  double minimum = 0;
  double maximum = 0;
  enum class Kind : std::uint8_t { kNumber, kInteger, kSwitch, kChoice } kind = Kind::kNumber;
  std::vector<std::string> choices = {};
};

// A value for each parameter of a strategy, defaults included.
class Parameters {
 public:
  // The value. Requires: `name` is one of the strategy's parameters.
  double operator[](std::string_view name) const;
  void Set(std::string name, double value) { values_.insert_or_assign(std::move(name), value); }
  friend bool operator==(const Parameters&, const Parameters&) = default;

 private:
  std::map<std::string, double, std::less<>> values_;
};

// What a strategy is built with and may read for as long as it lives.
struct StrategyEnvironment {
  const PendingSet& pending;
  const CustomerAccounts& customers;
  const BackendPool& backends;
  std::uint32_t max_batch_size;
};

// What a strategy promises about its batches, beyond what the scheduler ensures for all. Every strategy is tested for
// what it says here; a promise that is not made is not tested.
struct StrategyPromises {
  // Which of a request's waiting sequences leave together. kInParts: any of them. kWholeIfUncontended: all of them
  // while everything that waits fits into one batch and riders are free, except in a batch by the lane. kWhole: always
  // all. Whatever is promised, a request of more sequences than the batch has seats leaves in parts. If whole
  // requests are promised, each part but the last is a full batch of its own.
  enum class Requests : std::uint8_t { kInParts, kWholeIfUncontended, kWhole };
  Requests requests = Requests::kInParts;
  // Among which requests of one kind the order of arrival is kept: none, those of one customer, or all.
  enum class Order : std::uint8_t { kNone, kWithinCustomer, kOverAll };
  Order order = Order::kNone;
  // Riders, which fill the seats that the choice leaves free (Selection::ChoiceIsMade), are no longer than the choice.
  bool riders_are_no_longer = false;
  // While something waits, a free slot stays idle for at most `linger` and at most `hold` times the batch's cost.
  Duration linger{};
  double hold = 0;
  // Gives up requests that can no longer be in time (Strategy::Hopeless), so that latencies over what it answers say
  // little. A strategy that does not say so gives nothing up.
  bool gives_up = false;
  // Customers take turns or have shares: one that sends without end delays the others by a bounded time.
  bool shares_between_customers = false;
};

// How a strategy describes itself, to ListStrategies too, and how it is made.
struct StrategySpecification {
  std::string name;
  std::string description;
  std::vector<ParameterSpecification> parameters;
  std::function<std::unique_ptr<Strategy>(const StrategyEnvironment&, const Parameters&)> make;
  // What it promises with these parameters. Without this function it promises nothing.
  std::function<StrategyPromises(const Parameters&)> promises = {};
  // Follows another strategy, as it is advised (advised_strategy.h).
  bool takes_advice = false;
};

// The name of a strategy and its parameters, as an operator wrote them.
struct StrategyChoice {
  std::string name;
  std::map<std::string, std::string> parameters;
};

}  // namespace smartbatch::scheduling
