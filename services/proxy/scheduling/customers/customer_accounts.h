// The customers' accounts. They belong to the scheduler, so a switch of strategy forgets no debt.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>
#include <absl/strings/string_view.h>

#include "services/proxy/scheduling/customers/backlog.h"
#include "services/proxy/scheduling/customers/customer.h"

namespace smartbatch::scheduling {

// How much lag a customer keeps when it comes back: at most these seconds over weight, and nothing after a longer
// absence than this.
struct LagAllowance {
  double most_seconds = 0;
  Duration longest_absence{};
};

// The accounts of all customers. Opens an account at a customer's first request and keeps virtual time, like a virtual
// token counter (Sheng et al., "Fairness in Serving Large Language Models", OSDI 2024) and start-time fair queueing
// (Goyal, Vin, Cheng, 1996): a customer that comes back from idleness starts at the counter of those that stayed, so
// idleness earns no credit and no debt is forgotten.
//
// What others were served while it waited is not a credit for idleness. So it may keep its lag, by which its counter
// was behind virtual time when it left, as a sleeper does in EEVDF (Stoica and Abdel-Wahab, "Earliest Eligible Virtual
// Deadline First", 1995; Linux 6.6). The lag does not grow while the customer is away, and no counter ever falls.
//
// The accounts of configured customers stay. Of the others at most `max_idle_accounts` idle ones are kept; if there are
// more, the one that has been idle longest is closed, which forgets its debt.
//
// Complexity: constant, or logarithmic in the backlogged customers, except ForEach, ForEachWhile and
// FairnessGapSeconds. Thread safety: none.
class CustomerAccounts {
 public:
  explicit CustomerAccounts(std::size_t max_idle_accounts) : max_idle_accounts_(max_idle_accounts) {}
  CustomerAccounts(const CustomerAccounts&) = delete;
  CustomerAccounts& operator=(const CustomerAccounts&) = delete;
  ~CustomerAccounts();

  // The customer's account; null if there is none. The pointer is valid while the customer has a live request, and
  // always for configured customers.
  Customer* Find(std::string_view name);
  const Customer* Find(std::string_view name) const;
  // Opens an account. Requires: the customer has none.
  Customer& Open(std::string_view name);

  // Grants a policy; from then on the account is kept. Takes effect at the next decision.
  void Configure(std::string_view name, const CustomerPolicy& policy);
  // Revokes the policy; may close the account, or that of another idle customer.
  void Unconfigure(std::string_view name);

  // The customer has its first waiting request: raises its counter to virtual time less the lag that it may keep.
  void BecameBacklogged(Customer& customer, const LagAllowance& allowance, Time now);
  // The customer has no waiting request any more. The charges of its last batch may follow.
  void BecameUnbacklogged(Customer& customer, Time now);
  // The customer has no live request any more; may close its account, or that of another customer.
  void BecameIdle(Customer& customer);
  // The customer of an idle account has a request again.
  void LeftIdle(Customer& customer);

  // Charges seconds of backend time.
  void Charge(Customer& customer, double seconds);

  // The largest value that the smallest counter of a backlogged customer has had, in seconds over weight.
  double virtual_time() const { return virtual_time_; }
  // Largest minus smallest counter of the backlogged customers; 0 if there are none. Linear in them.
  double FairnessGapSeconds() const;
  // The customers with something waiting.
  const Backlog& backlogged() const { return backlogged_; }

  std::size_t size() const { return accounts_.size(); }
  void ForEach(const std::function<void(const Customer&)>& visit) const;
  // The same until `visit` returns false.
  void ForEachWhile(const std::function<bool(const Customer&)>& visit) const;

 private:
  using IdleList =
      boost::intrusive::list<Customer, boost::intrusive::member_hook<Customer, IndexHook, &Customer::idle_hook>>;

  using Account = std::unique_ptr<Customer>;
  static absl::string_view NameOf(std::string_view name) { return {name.data(), name.size()}; }
  static absl::string_view NameOf(const Account& account) { return NameOf(account->name); }
  struct HashOfName {
    using is_transparent = void;
    template <class Key>
    std::size_t operator()(const Key& key) const {
      return absl::Hash<absl::string_view>()(NameOf(key));
    }
  };
  struct SameName {
    using is_transparent = void;
    template <class Left, class Right>
    bool operator()(const Left& left, const Right& right) const {
      return NameOf(left) == NameOf(right);
    }
  };

  void LiftVirtualTime();

  std::size_t max_idle_accounts_;
  absl::flat_hash_set<Account, HashOfName, SameName> accounts_;
  // The accounts that may be closed, longest idle first: never a configured one, or closing some would mean looking at
  // all.
  IdleList idle_;
  Backlog backlogged_;
  double virtual_time_ = 0;
  std::uint64_t opened_ = 0;
};

}  // namespace smartbatch::scheduling
