// The one table of how a request ends and which status code its caller is answered: the answer itself and what is
// counted of it both come from here. Pure functions, thread safe.
#pragma once

#include <absl/status/status.h>

#include "services/proxy/scheduling/model/outcome.h"

namespace smartbatch::runtime {

// For a request that was refused.
absl::StatusCode CodeOf(scheduling::RejectReason reason);

// For a request that was accepted. `backend_status` matters with kBackendFailed alone: it is what the backend said
// (Finished::backend_status). That the backend does not know the proxy or does not let it in becomes INTERNAL: to the
// caller it would read as if its own credentials were at fault, and it can do nothing about it. With kRejected the
// reason says more; without it the code is UNKNOWN.
absl::StatusCode CodeOf(scheduling::Outcome outcome, const absl::Status& backend_status);

}  // namespace smartbatch::runtime
