// What the end of a batch says, and of whom.
#pragma once

#include <cstdint>

#include <absl/status/status.h>

namespace smartbatch::scheduling {

enum class Verdict : std::uint8_t {
  kServed,   // every member has its result
  kBusy,     // the backend refused the batch for want of room and has done nothing with it: no failure of anybody
  kBackend,  // the backend could not be reached, or did not answer in time: no member is suspected
  kFell,     // the connection to the backend was lost while it had the batch: a member may have crashed it
  kContent,  // any other error: a member may be bad
};

// By its code: RESOURCE_EXHAUSTED is kBusy, UNAVAILABLE and CANCELLED and DEADLINE_EXCEEDED are kBackend, and
// UNAVAILABLE that was marked by Fell is kFell.
Verdict VerdictOf(const absl::Status& status);

// Marks an UNAVAILABLE of a batch that had been sent when the connection was lost. Whoever carries batches marks only
// what the proxy's own side found out: an UNAVAILABLE that the backend itself answered is no fall.
absl::Status Fell(absl::Status status);
bool HasFallen(const absl::Status& status);

}  // namespace smartbatch::scheduling
