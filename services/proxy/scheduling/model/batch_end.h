// What the end of a batch says, and about whom.
#pragma once

#include <cstdint>

#include <absl/status/status.h>

namespace smartbatch::scheduling {

enum class Verdict : std::uint8_t {
  kServed,   // every member has its result
  kBusy,     // the backend refused the batch for lack of room and has not begun it: nobody has failed
  kBackend,  // the backend could not be reached, or did not answer in time: no member is suspected
  kFell,     // the connection to the backend was lost while it had the batch: a member may have crashed it
  kContent,  // any other error: a member may be bad
};

// Returns the verdict by the code: OK is kServed; RESOURCE_EXHAUSTED is kBusy; UNAVAILABLE, CANCELLED and
// DEADLINE_EXCEEDED are kBackend, but an UNAVAILABLE that Fell has marked is kFell; any other code is kContent.
Verdict VerdictOf(const absl::Status& status);

// Marks an UNAVAILABLE of a batch that had been sent when the connection was lost. The transport must mark only losses
// that it noticed itself: an UNAVAILABLE that the backend answered does not mean that it fell.
absl::Status Fell(absl::Status status);
bool HasFallen(const absl::Status& status);

}  // namespace smartbatch::scheduling
