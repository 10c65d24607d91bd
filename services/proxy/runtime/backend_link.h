// The runtime's interface to whatever carries batches to a backend.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/time.h"
#include "services/proxy/protocol/rows.h"
#include "services/proxy/runtime/obligation.h"
#include "services/proxy/scheduling/model/batch.h"

namespace smartbatch::runtime {

// The identifiers by which a call can be found in other systems; empty if the caller sent none.
struct CallContext {
  std::string request_id;    // `x-request-id`
  std::string trace_parent;  // `traceparent`, https://www.w3.org/TR/trace-context/
  bool empty() const { return request_id.empty() && trace_parent.empty(); }
};

// One batch, ready to be sent.
struct OutgoingBatch {
  scheduling::BatchId id = 0;
  std::vector<protocol::RowRef> rows;  // those of one request are adjacent
  // The contexts of its requests that have one: at most the first kMostContexts, since headers are limited.
  std::vector<CallContext> contexts;
  Duration timeout{};

  static constexpr std::size_t kMostContexts = 16;
};

// One result for each row of the batch, in the same order.
using protocol::BatchResults;
using BatchReply = Obligation<BatchResults>;

// The way to one backend. Thread safety: safe.
class BackendLink {
 public:
  virtual ~BackendLink() = default;

  // Sends the batch and returns without waiting. The reply is fulfilled once, from any thread, after Send has returned.
  // Errors in the reply: UNAVAILABLE if the backend cannot be reached; DEADLINE_EXCEEDED if it has not answered within
  // the timeout; any other error is the backend's own.
  virtual void Send(const OutgoingBatch& batch, BatchReply reply) = 0;

  // Nobody waits for the batch any more: it may be given up, and its reply is fulfilled soon. Does nothing if there is
  // no batch with that id.
  virtual void Cancel(scheduling::BatchId id) = 0;
};

}  // namespace smartbatch::runtime
