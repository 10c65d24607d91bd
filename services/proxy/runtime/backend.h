// What the runtime asks of whatever carries batches to a backend.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/time.h"
#include "services/proxy/protocol/rows.h"
#include "services/proxy/runtime/obligation.h"
#include "services/proxy/scheduling/model/batch.h"

namespace smartbatch::runtime {

// What a caller said by which its call can be found again elsewhere; empty where it said nothing.
struct CallContext {
  std::string request_id;    // `x-request-id`
  std::string trace_parent;  // `traceparent`, https://www.w3.org/TR/trace-context/
  bool empty() const { return request_id.empty() && trace_parent.empty(); }
};

// One batch as it is sent.
struct OutgoingBatch {
  scheduling::BatchId id = 0;
  std::vector<protocol::RowRef> rows;  // those of one request stand together
  // Of the requests in it, those that have one; the first kMostContexts, since headers are limited.
  std::vector<CallContext> contexts;
  Duration timeout{};

  static constexpr std::size_t kMostContexts = 16;
};

// One result for each row of the batch, in its order.
using protocol::BatchResults;
using BatchReply = Obligation<BatchResults>;

// The way to one backend. Thread safe.
class Backend {
 public:
  virtual ~Backend() = default;

  // Sends the batch and returns without waiting. The reply is fulfilled once, from any thread, after Send has returned:
  // with the results, or with an error whose code says what went wrong (UNAVAILABLE: the backend cannot be reached;
  // DEADLINE_EXCEEDED: it has not answered within the timeout; any other: as the backend said).
  virtual void Send(const OutgoingBatch& batch, BatchReply reply) = 0;

  // Nobody waits for the batch any more: it may be given up, and its reply is fulfilled soon. Does nothing where no
  // batch of that id is there.
  virtual void Cancel(scheduling::BatchId id) = 0;
};

}  // namespace smartbatch::runtime
