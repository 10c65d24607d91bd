#include "services/rpc/library_checks.h"

#include <absl/synchronization/mutex.h>

namespace smartbatch::rpc {

void LeaveOutLockChecks() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace smartbatch::rpc
