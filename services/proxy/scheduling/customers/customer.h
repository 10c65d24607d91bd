// One customer's account: what the operator grants, what the customer has used, and what it has waiting.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/time.h"
#include "services/proxy/scheduling/customers/waitlist.h"
#include "services/proxy/scheduling/model/queue_limits.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// What the operator grants a customer.
struct CustomerPolicy {
  // Its share of the backends in proportion to the other customers' weights; above 0.
  double weight = 1;
  // Priority tier for the strategies that have tiers: 0 is the highest.
  std::uint32_t tier = 0;
  // The limit on its unfinished requests, at least 1; without one the scheduler's own limit for a customer applies.
  std::optional<std::uint64_t> max_queued_requests = {};
  // The same in bytes, at least 1, and in predicted cost, above 0.
  std::optional<std::uint64_t> max_queued_bytes = {};
  std::optional<Duration> max_queued_cost = {};
  // How soon its requests should be answered, above 0; without one the scheduler's own objective applies.
  std::optional<Duration> latency_objective = {};
  friend bool operator==(const CustomerPolicy&, const CustomerPolicy&) = default;
};

// Where a customer stood when it had nothing waiting any more.
struct Departure {
  Time time{};
  // In seconds over weight (CustomerAccounts).
  double virtual_time = 0;
};

// The account of one customer. Owned by CustomerAccounts; its address does not change while it lives. Fields that
// every request touches come first: in a long queue of many customers each cache line is fetched from memory.
struct alignas(64) Customer {
  Customer() = default;
  Customer(const Customer&) = delete;
  Customer& operator=(const Customer&) = delete;

  std::string name;
  CustomerList waiting;  // requests with a waiting sequence, oldest first
  std::uint32_t waiting_requests = 0;
  std::uint32_t waiting_sequences = 0;
  // Requests accepted and not yet released, running ones included: while there are any the account stays.
  std::uint32_t live_requests = 0;
  // Its number in the backlog, while something waits.
  std::uint32_t backlog_number = 0;

  // The cost of its waiting sequences, each alone, in nanoseconds of a backend (PendingSet::WorkOf).
  std::uint64_t waiting_work = 0;
  // How much of the queue its unfinished requests take.
  QueueUse unfinished;
  // For the active strategy's own use. 0 when a strategy starts; the strategy must reset it to 0 when the customer's
  // last waiting request is removed.
  std::uint64_t strategy_key = 0;
  // Seconds of backend time charged to the customer, divided by its weight, and raised to virtual time when it comes
  // back from idleness.
  double counter = 0;
  // The last departure. The lag is how far the counter, with the charge of the last batch, is behind its virtual time.
  Departure departure;
  // Charges of the batch that is being sent, not yet added to the account.
  double unsettled_seconds = 0;
  // Seconds of backend time charged since the account was opened.
  double charged_seconds = 0;
  CustomerPolicy policy;

  // The operator set the policy: the account is kept even if it is idle.
  bool configured = false;
  // Counts the opened accounts: the order of customers with equal counters.
  std::uint64_t opened = 0;
  // The position among the idle accounts, least recently used first.
  IndexHook idle_hook;
  // Its calls that found its own share of the queue full; null if there are none, and while it is idle.
  std::unique_ptr<Waitlist> waitlist;
};

}  // namespace smartbatch::scheduling
