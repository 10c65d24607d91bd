// Which status code answers the caller, for each way in which a request can end. Both the answer and its metrics use
// this one table. Pure functions. Thread safety: safe.
#pragma once

#include <absl/status/status.h>

#include "services/proxy/scheduling/model/outcome.h"

namespace smartbatch::runtime {

// For a request that was refused.
absl::StatusCode CodeOf(scheduling::RejectReason reason);

// For a request that was accepted. `backend_status` matters only with kBackendFailed: it is what the backend said
// (Finished::backend_status). UNAUTHENTICATED and PERMISSION_DENIED of the backend become INTERNAL: the caller would
// take them for faults of its own credentials. With kRejected the code is UNKNOWN: the function above has the reason.
absl::StatusCode CodeOf(scheduling::Outcome outcome, const absl::Status& backend_status);

}  // namespace smartbatch::runtime
