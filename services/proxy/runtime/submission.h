// A request as the runtime gets it, and its end as the runtime reports it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>

#include "common/time.h"
#include "services/proxy/protocol/rows.h"
#include "services/proxy/runtime/backend_link.h"
#include "services/proxy/runtime/obligation.h"
#include "services/proxy/scheduling/model/outcome.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::runtime {

struct Submission {
  std::string customer;
  // Requires: the lengths are within the scheduler's limits.
  std::shared_ptr<const protocol::Payload> payload;
  // kNever if the caller set none.
  Time deadline = kNever;
  CallContext context = {};
  // What the caller of Submit holds in memory until the reply, besides the payload; counted against the limits on
  // queued bytes.
  std::size_t held_bytes = 0;
};

// How a request ended and what happened to it on the way.
struct Ending {
  scheduling::Outcome outcome = scheduling::Outcome::kAnswered;
  // With kRejected: why, and when to come back. With kShed: when to come back.
  scheduling::Rejection rejection;
  // With kExpired: whether it was given up early, since it could no longer be answered in time (Finished::hopeless),
  // and how long after its arrival it was due.
  bool hopeless = false;
  Duration due_after{};
  // With kBackendFailed: what the backend said.
  absl::Status backend_status;
  // With kAnswered: the request's payload, and a result for each of its rows, in order.
  std::shared_ptr<const protocol::Payload> payload;
  std::vector<protocol::RowResult> results;

  // From the arrival to the end.
  Duration latency{};
  // From the arrival to the dispatch of the last part, and from there to the end. If no part was ever dispatched, all
  // of the latency was queueing.
  Duration queued{};
  Duration in_service{};
  // The strategy that dispatched the last part; empty if no part was ever dispatched. Lives as long as the program.
  std::string_view strategy;
  // Why the batch with the last part left when it did, by name; empty and living as the strategy's name.
  std::string_view dispatch_reason;
  // For each batch that carried a part of the request, the sequences in that batch.
  scheduling::BatchSizes batch_sizes;
};

using Reply = Obligation<Ending>;

// A ticket names a request for its caller, so that the caller can cancel it. From Submit until the reply it is guarded
// by the dispatcher's lock. The caller owns it, and keeps it alive until the reply and during Cancel.
class Ticket {
 public:
  Ticket() = default;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;

 private:
  friend class Dispatcher;
  std::optional<scheduling::RequestId> id_;
  bool cancelled_ = false;  // maybe before it was submitted
};

}  // namespace smartbatch::runtime
