// Built in place of traces.cc if SMARTBATCH_TRACES is off.
#include <absl/strings/str_cat.h>

#include "services/proxy/observers/traces/traces.h"

namespace smartbatch::traces {

absl::StatusOr<std::unique_ptr<Traces>> Traces::Open(const TracesOptions& options, const runtime::Clock&) {
  return absl::UnimplementedError(
      absl::StrCat("trace-endpoint: ", options.endpoint,
                   " cannot be used: this proxy was built without traces; build it with -DSMARTBATCH_TRACES=ON, or "
                   "leave the setting out"));
}

}  // namespace smartbatch::traces
