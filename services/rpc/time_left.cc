#include "services/rpc/time_left.h"

#include <chrono>

#include <grpc/support/time.h>

namespace smartbatch::rpc {

std::optional<Duration> TimeLeft(gpr_timespec deadline) {
  const gpr_timespec left = gpr_time_sub(deadline, gpr_now(deadline.clock_type));
  if (left.tv_sec < 0) return Duration::zero();
  constexpr std::chrono::seconds kMost = std::chrono::duration_cast<std::chrono::seconds>(Duration::max());
  if (left.tv_sec >= kMost.count()) return std::nullopt;
  return std::chrono::seconds(left.tv_sec) + Duration(left.tv_nsec);
}

}  // namespace smartbatch::rpc
