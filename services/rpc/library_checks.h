// Switches off a debugging check of abseil.
#pragma once

namespace smartbatch::rpc {

// Switches off abseil's detection of deadlocks. Debian builds abseil without NDEBUG, so abseil records for each lock
// that gRPC takes which locks are held, to report orders that might deadlock. That costs a twentieth of the processor
// time of a request, and only gRPC could fix what it reports. Call it in main(), before the first use of gRPC.
void LeaveOutLockChecks();

}  // namespace smartbatch::rpc
