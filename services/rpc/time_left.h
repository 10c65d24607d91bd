// How long the caller of a call waits for its answer.
#pragma once

#include <optional>

#include <grpcpp/server_context.h>

#include "common/time.h"

namespace smartbatch::rpc {

// Until the deadline `deadline`, on whatever clock it is; zero when it has passed. Nothing when there is none, or when
// it is further away than Duration can count: some 292 years, less than the `for ever` of clients in Java and Go.
// ServerContext::deadline() is no help there: it overflows, into the past.
std::optional<Duration> TimeLeft(gpr_timespec deadline);

// The same of a call.
inline std::optional<Duration> TimeLeft(const grpc::ServerContextBase& context) {
  return TimeLeft(context.raw_deadline());
}

}  // namespace smartbatch::rpc
