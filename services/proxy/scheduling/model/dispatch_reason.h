// Why batches leave.
#pragma once

#include <cstdint>
#include <string_view>

namespace smartbatch::scheduling {

// Why a batch left when it did.
enum class DispatchReason : std::uint8_t {
  kFull,      // no seat was free
  kSlotFree,  // a backend was free and nothing better was worth waiting for
  kHold,      // seats stayed free although it was held for a moment
  kLinger,    // seats stayed free although it lingered
  kLane,      // the oldest request went by its reserved share of the backend
  kMaxWait,   // the oldest request had waited for max_wait
  kRetry,     // one sequence, tried again alone after its batch failed
};
inline constexpr int kDispatchReasons = 7;

constexpr std::string_view Name(DispatchReason reason) {
  switch (reason) {
    case DispatchReason::kFull:
      return "full";
    case DispatchReason::kSlotFree:
      return "slot_free";
    case DispatchReason::kHold:
      return "hold";
    case DispatchReason::kLinger:
      return "linger";
    case DispatchReason::kLane:
      return "lane";
    case DispatchReason::kMaxWait:
      return "max_wait";
    case DispatchReason::kRetry:
      return "retry";
  }
  return "unknown";
}

}  // namespace smartbatch::scheduling
