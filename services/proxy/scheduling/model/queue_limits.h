// How much of the queue requests take, and its limits.
#pragma once

#include <cstdint>
#include <optional>

namespace smartbatch::scheduling {

// How much unfinished requests take, or may take at most.
struct QueueUse {
  std::uint64_t requests = 0;
  // As given by their arrivals.
  std::uint64_t bytes = 0;
  // Nanoseconds of a backend that their sequences would take, each alone, as predicted when they came. A whole number,
  // so that subtracting restores exactly what adding changed.
  std::uint64_t cost_ns = 0;
  // The part of cost_ns that is only assumed: nobody told it, and no batches have taught it.
  std::uint64_t assumed_ns = 0;

  // The part that counts towards a limit in cost.
  std::uint64_t CountedCost() const { return cost_ns - assumed_ns; }

  QueueUse& operator+=(const QueueUse& more) {
    requests += more.requests;
    bytes += more.bytes;
    cost_ns += more.cost_ns;
    assumed_ns += more.assumed_ns;
    return *this;
  }
  QueueUse& operator-=(const QueueUse& less) {
    requests -= less.requests;
    bytes -= less.bytes;
    cost_ns -= less.cost_ns;
    assumed_ns -= less.assumed_ns;
    return *this;
  }
};

enum class QueueLimit : std::uint8_t { kRequests, kBytes, kCost };

// The first limit that keeps out one more request of this many bytes; nothing if there is room. For cost there is room
// while less than the limit is queued, so that a request that alone costs more than the limit can still be served; a
// cost that is only assumed does not count.
inline std::optional<QueueLimit> LimitReached(const QueueUse& queued, std::uint64_t bytes, const QueueUse& limits) {
  if (queued.requests >= limits.requests) return QueueLimit::kRequests;
  if (queued.bytes + bytes > limits.bytes) return QueueLimit::kBytes;
  if (queued.CountedCost() >= limits.cost_ns) return QueueLimit::kCost;
  return std::nullopt;
}

}  // namespace smartbatch::scheduling
