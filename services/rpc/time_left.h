// How long the caller of a call waits for its answer.
#pragma once

#include <optional>

#include <grpcpp/server_context.h>

#include "common/time.h"

namespace smartbatch::rpc {

// The time until `deadline`, on whatever clock it is; zero if it has passed. Returns nothing if there is no deadline,
// or if it is further away than Duration can count: some 292 years, less than what clients in Java and Go send for "for
// ever". ServerContext::deadline() cannot be used for that: it overflows, into the past.
std::optional<Duration> TimeLeft(gpr_timespec deadline);

// The same for a call.
inline std::optional<Duration> TimeLeft(const grpc::ServerContextBase& context) {
  return TimeLeft(context.raw_deadline());
}

}  // namespace smartbatch::rpc
