// How much of the queue requests take, and how much of it there is.
#pragma once

#include <cstdint>
#include <optional>

namespace smartbatch::scheduling {

// What unfinished requests take, or may take at most.
struct QueueUse {
  std::uint64_t requests = 0;
  // As their arrivals told them.
  std::uint64_t bytes = 0;
  // Nanoseconds of a backend that their sequences would take one by one, as it was predicted when they came. Whole
  // numbers, so that what is added is taken away again.
  std::uint64_t cost_ns = 0;

  QueueUse& operator+=(const QueueUse& more) {
    requests += more.requests;
    bytes += more.bytes;
    cost_ns += more.cost_ns;
    return *this;
  }
  QueueUse& operator-=(const QueueUse& less) {
    requests -= less.requests;
    bytes -= less.bytes;
    cost_ns -= less.cost_ns;
    return *this;
  }
};

enum class QueueLimit : std::uint8_t { kRequests, kBytes, kCost };

// The first limit that keeps out one more request of so many bytes; nothing where there is room. Of cost there is room
// while less than the limit is queued, so that a request which costs more than the limit by itself can still be served.
inline std::optional<QueueLimit> LimitReached(const QueueUse& queued, std::uint64_t bytes, const QueueUse& limits) {
  if (queued.requests >= limits.requests) return QueueLimit::kRequests;
  if (queued.bytes + bytes > limits.bytes) return QueueLimit::kBytes;
  if (queued.cost_ns >= limits.cost_ns) return QueueLimit::kCost;
  return std::nullopt;
}

}  // namespace smartbatch::scheduling
