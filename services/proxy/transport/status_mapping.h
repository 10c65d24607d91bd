// Between the core's outcomes and gRPC's statuses. Pure functions, thread safe.
#pragma once

#include <absl/status/status.h>
#include <grpcpp/support/status.h>

#include "services/proxy/runtime/submission.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::transport {

// The two sets of codes are the same by number; details are dropped.
grpc::Status FromAbsl(const absl::Status& status);

// What the caller of a request that ended in this way is answered: the code of runtime::CodeOf, and why. OK if the
// request was answered.
grpc::Status StatusOf(const runtime::Ending& ending);

// What the caller of the admin service is answered: a BadRequest with the field if the status names one.
grpc::Status AdminStatusOf(const absl::Status& status);

}  // namespace smartbatch::transport
