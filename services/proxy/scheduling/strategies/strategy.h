// The vocabulary of a strategy: what it is asked, what it may see, what it answers.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/statusor.h>

#include "common/time.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"
#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/queue/pending_set.h"

namespace smartbatch::scheduling {

// What is known at the moment a slot is free.
struct Occasion {
  Time now{};
  // Seats in the batch: as many as the backend takes, which may be fewer than a request has sequences.
  std::uint32_t max_batch_size = 5;
  // The cost of batches on the backend whose slot is free.
  CostModel cost;
};

class AdvisedStrategy;

// Chooses what goes into the next batch.
//
// The scheduler owns the pending set and the customers' accounts; a strategy reads them, and keeps indexes of
// its own that it updates when it is told of arrivals and removals. A request of which some sequences start and others
// go on waiting leaves and comes back, as Add and Remove see every change of what waits, unless the strategy knows
// better: BeforeSplit and AfterSplit.
//
// When the strategy is switched, the old object is destroyed and the new one is told of everything that waits, in
// the order of arrival: switching costs time linear in the queue.
//
// Not thread safe. A strategy reads no clock and draws no random numbers.
class Strategy {
 public:
  virtual ~Strategy() = default;

  // The request has waiting sequences that the strategy may choose from now on. The pending set already counts it.
  // `again` tells that it was here before: it has been partly served, or a backend failed it.
  virtual void Add(PendingRequest& request, bool again) = 0;

  // The request is about to lose waiting sequences: they were chosen, or the request ends. The pending set still
  // counts it: it is its customer's last where the customer's waiting_requests is 1. Called once for every Add.
  virtual void Remove(PendingRequest& request) = 0;

  // The same for a request of which only some waiting sequences were chosen, those that are `selected`: once before the
  // pending set moves them, and once after. A strategy that splits requests may leave in its indexes what does not
  // change.
  virtual void BeforeSplit(PendingRequest& request) { Remove(request); }
  virtual void AfterSplit(PendingRequest& request) { Add(request, true); }

  // Fills `selection`, which is empty when it comes: a batch, or a time to be asked again, or nothing where
  // nothing waits. A strategy that asks to wait is asked again at every arrival too, and at the latest at the time
  // it named.
  virtual void Select(const Occasion& occasion, Selection& selection) = 0;

  // The batch chosen last has been dispatched at this predicted cost, in seconds.
  virtual void Dispatched(const Occasion& occasion, const Selection& selection, double cost_seconds);

  // What a customer that comes back may still be behind the others; by default nothing.
  virtual LagAllowance lag_allowance() const { return {}; }

  // For a strategy that gives requests up which it holds to be lost: one of them, null if there is none now. The
  // scheduler ends it (Outcome::kExpired, Finished::hopeless), which removes it, and asks for the next.
  virtual PendingRequest* Hopeless(Time now);
  // When there may be one if nothing else happens; kNever where that cannot be told yet.
  virtual Time NextHopeless(Time now) const;

  // This strategy if it follows another one; null for every strategy that chooses itself.
  virtual AdvisedStrategy* Advised() { return nullptr; }
};

// A new strategy object has been made: tells it of everything that waits, in the order of arrival.
void TellOfEverything(const PendingSet& pending, Strategy& strategy);

// --- Parameters ---

// One number that can be set. Switches are 0 and 1 and may be written true and false; of a choice the number is the
// place in the list of names.
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
  // The value; the name must be one of the strategy's parameters.
  double operator[](std::string_view name) const;
  void Set(std::string name, double value) { values_.insert_or_assign(std::move(name), value); }
  friend bool operator==(const Parameters&, const Parameters&) = default;

 private:
  std::map<std::string, double, std::less<>> values_;
};

// What a strategy is built from and may read as long as it lives.
struct StrategyEnvironment {
  const PendingSet& pending;
  const CustomerAccounts& customers;
  const BackendPool& backends;
  std::uint32_t max_batch_size;
};

// What a strategy promises about the batches that it forms, beyond what the scheduler sees to itself. Every strategy is
// tested for what it says here: a promise that is not made is neither kept nor tested.
struct StrategyPromises {
  // Which of a request's waiting sequences leave together: any of them; all of them while everything that waits fits
  // into one batch and riders are free, but for a batch by the lane; always all of them. Whatever is promised, a
  // request of more sequences than the backend takes leaves in parts.
  enum class Requests : std::uint8_t { kInParts, kWholeIfUncontended, kWhole };
  Requests requests = Requests::kInParts;
  // Whose requests of one kind leave in the order of their arrival.
  enum class Order : std::uint8_t { kNone, kWithinCustomer, kOverAll };
  Order order = Order::kNone;
  // What fills the seats that the choice leaves free (Selection::ChoiceIsMade) is no longer than the choice.
  bool riders_are_no_longer = false;
  // While something waits a free slot stays idle for no more than this time, and this share of the batch's cost.
  Duration linger{};
  double hold = 0;
  // Gives requests up that it holds to be lost (Strategy::Hopeless), so that latencies over what it answers say little.
  // No other strategy does.
  bool gives_up = false;
  // Customers take turns or have shares: one that sends without end delays the others by a bounded time.
  bool shares_between_customers = false;
};

// What a strategy tells of itself to ListStrategies, and how it is made.
struct StrategySpecification {
  std::string name;
  std::string description;
  std::vector<ParameterSpecification> parameters;
  std::function<std::unique_ptr<Strategy>(const StrategyEnvironment&, const Parameters&)> make;
  // With these parameters; if there is none it promises nothing.
  std::function<StrategyPromises(const Parameters&)> promises = {};
  // Follows another strategy, as it is advised (advised_strategy.h).
  bool takes_advice = false;
};

// The name of a strategy and the parameters as somebody wrote them.
struct StrategyChoice {
  std::string name;
  std::map<std::string, std::string> parameters;
};

}  // namespace smartbatch::scheduling
