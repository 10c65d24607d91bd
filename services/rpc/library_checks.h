// What abseil checks in the programs of its own authors, left out.
#pragma once

namespace smartbatch::rpc {

// Debian builds abseil without NDEBUG: then each lock that gRPC takes is entered in a graph of which lock is taken
// while which is held, to report orders that might deadlock. It costs a twentieth of the processor time of a request,
// and what it would report is gRPC's to mend. Call it in main(), before the first use of gRPC.
void LeaveOutLockChecks();

}  // namespace smartbatch::rpc
