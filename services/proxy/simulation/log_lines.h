// The decision log: what a scheduler was told and what it chose, one JSON object a line. The proxy writes it, replay
// reads it.
//
//   {"event": "start", "schema_version": 3, "max_batch_size": 5, ..., "strategy": "density", "parameters": {...},
//    "customers": [...]}
//   {"event": "backend_added", "backend": 0, "name": "10.0.0.1:50061", "slots": 1, "cost": {...}}
//   {"event": "request", "timestamp_ms": 1250.5, "request": 0, "customer": "a", "lengths": [15, 120]}
//   {"event": "batch", "time_ms": 1250.5, "batch": 1, "strategy": "density", "backend": 0, "members": [[0, 0], [0, 1]],
//    "longest": 120, "cost_seconds": 0.0144, "reason": "slot_free"}
//   {"event": "batch_ended", "time_ms": 1265.2, "batch": 1, "status": "OK"}
//                                  and "fell": true if the connection was lost while the backend had the batch
//   {"event": "ended", "time_ms": 1300.1, "request": 1, "outcome": "cancelled"}   all outcomes but answered
//   {"event": "strategy", "strategy": "fcfs", "parameters": {...}}                SetStrategy
//   {"event": "follows", "strategy": "sjf"}                                       it took advice
//   {"event": "reconfigured", "max_batch_size": 5, ..., "customers": [...]}       a reload of the configuration
//   {"event": "backend_health", "time_ms": 1305.2, "backend": 0, "healthy": false}
//   {"event": "backend_slots", "backend": 0, "slots": 2}
//   {"event": "backend_held_back", "backend": 0, "held_back": true}               its device has no slot for it
//   {"event": "backend_removed", "backend": 0}
//   {"event": "asked", "time_ms": 1310.0}                    asked for a batch at a moment when nothing else happened
//   {"event": "dropped", "lines": 12}                        that many lines are missing here
//
// Times are milliseconds from the start of the log, exact to the nanosecond. Requests count from 0 in the order in
// which they were accepted; refused ones are left out. A member is a request and the index of a sequence in it. The log
// is also a trace (trace.h): `loadgen simulate --trace-in` and `loadgen replay` read its requests.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/container/inlined_vector.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/batch.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::simulation::log_lines {

inline constexpr int kSchemaVersion = 3;

// What a replay needs to build the same scheduler. Only the options that affect choices are written.
struct Start {
  scheduling::SchedulerOptions options;
  scheduling::StrategyChoice strategy;
  std::map<std::string, scheduling::CustomerPolicy> customers;
};
struct BackendAdded {
  scheduling::BackendId backend = 0;
  std::string name;
  std::uint32_t slots = 1;
  CostModel cost;  // as believed at that moment
};
struct BackendRemoved {
  scheduling::BackendId backend = 0;
};
struct BackendSlots {
  scheduling::BackendId backend = 0;
  std::uint32_t slots = 1;
};
struct BackendHeldBack {
  scheduling::BackendId backend = 0;
  bool held_back = false;
};
struct BackendHealth {
  Time time{};
  scheduling::BackendId backend = 0;
  bool healthy = true;
};
struct RequestAccepted {
  Time time{};
  std::uint64_t request = 0;
  std::string customer;
  absl::InlinedVector<std::uint32_t, 5> lengths;
  Time deadline = kNever;
  std::uint32_t kind = 0;
};
struct BatchSent {
  Time time{};
  scheduling::BatchId batch = 0;
  std::string strategy;
  scheduling::BackendId backend = 0;
  // Request, and index of the sequence in it.
  absl::InlinedVector<std::pair<std::uint64_t, std::uint32_t>, 5> members;
  std::uint32_t longest = 0;
  double cost_seconds = 0;
  std::string reason;
};
struct BatchEnded {
  Time time{};
  scheduling::BatchId batch = 0;
  absl::StatusCode status = absl::StatusCode::kOk;
  bool fell = false;
};
struct RequestEnded {
  Time time{};
  std::uint64_t request = 0;
  scheduling::Outcome outcome = scheduling::Outcome::kCancelled;
};
struct StrategySet {
  scheduling::StrategyChoice strategy;
};
struct Follows {
  std::string strategy;
};
struct Reconfigured {
  scheduling::SchedulerOptions options;
  std::map<std::string, scheduling::CustomerPolicy> customers;
};
struct Asked {
  Time time{};
};
struct Dropped {
  std::uint64_t lines = 0;
};
using Event =
    std::variant<Start, BackendAdded, BackendRemoved, BackendSlots, BackendHeldBack, BackendHealth, RequestAccepted,
                 BatchSent, BatchEnded, RequestEnded, StrategySet, Follows, Reconfigured, Asked, Dropped>;

// The event's time; nothing if it has none.
std::optional<Time> TimeOf(const Event& event);

// The batch as it is logged, its time counted from `origin`.
BatchSent Sent(const scheduling::Batch& batch, Time origin);

// The event as a line, with its line end.
std::string Line(const Event& event);
// Parses a line. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<Event> ParseLine(const std::string& line);

}  // namespace smartbatch::simulation::log_lines
