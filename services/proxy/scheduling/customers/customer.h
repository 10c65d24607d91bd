// One customer's standing: what the operator granted, what the customer has used, what of it waits.
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
  // Share of the backend against the other customers' weights; above 0.
  double weight = 1;
  // Priority tier for the strategies that have tiers: 0 is the highest.
  std::uint32_t tier = 0;
  // Its unfinished requests, at least 1; where there is none the scheduler's own limit for a customer holds.
  std::optional<std::uint64_t> max_queued_requests = {};
  // The same in bytes, at least 1, and in predicted cost, above 0.
  std::optional<std::uint64_t> max_queued_bytes = {};
  std::optional<Duration> max_queued_cost = {};
  // How soon its requests should be answered, above 0; where there is none the scheduler's own objective holds.
  std::optional<Duration> latency_objective = {};
  friend bool operator==(const CustomerPolicy&, const CustomerPolicy&) = default;
};

// Where a customer stood when nothing of it waited any more.
struct Departure {
  Time time{};
  // In seconds over weight (CustomerAccounts).
  double virtual_time = 0;
};

// The account of one customer. Owned by CustomerAccounts; its address does not change while it lives. What every
// request touches comes first: in a long queue of many customers each cache line is fetched from memory.
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

  // What its waiting requests would cost one by one, in nanoseconds of a backend (PendingSet::WorkOf).
  std::uint64_t waiting_work = 0;
  // What its unfinished requests take of the queue.
  QueueUse unfinished;
  // Free for the active strategy: a key it wants to remember; 0 when a strategy starts, and a strategy leaves 0 behind
  // when the customer's last waiting request is removed.
  std::uint64_t strategy_key = 0;
  // Virtual time: seconds of backend time charged to the customer over its weight, lifted when it comes back
  // from idleness.
  double counter = 0;
  // The last one. What the counter is behind its virtual time, the charge of the last batch included, is the lag.
  Departure departure;
  // Charges of the batch that is being sent, not yet added up.
  double unsettled_seconds = 0;
  // Seconds of backend time charged since the account was opened.
  double charged_seconds = 0;
  CustomerPolicy policy;

  // The policy was set by the operator: the account is kept although it is idle.
  bool configured = false;
  // Counts the accounts that were opened: the order where counters are equal.
  std::uint64_t opened = 0;
  // The place among the idle accounts, least recently used first.
  IndexHook idle_hook;
  // Those of its calls that found its own share of the queue full; null if there are none, and while it is idle.
  std::unique_ptr<Waitlist> waitlist;
};

}  // namespace smartbatch::scheduling
