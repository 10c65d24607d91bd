// Limits on the connections to a server.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/time.h"

namespace smartbatch::rpc {

struct ConnectionLimits {
  // Connections that may be open at once on this listener. Any more are closed immediately.
  std::uint32_t max_connections = 10'000;
  // The size of one call's headers. A call with more is refused with RESOURCE_EXHAUSTED.
  std::uint32_t max_metadata_bytes = 8192;
  // Calls that may be open at once on one connection. A client delays any more.
  std::uint32_t max_concurrent_calls = 20'000;
  // Calls of all customers whose request is still arriving or whose answer has not been taken yet. At this number a new
  // call is refused with RESOURCE_EXHAUSTED.
  std::uint32_t max_calls_in_transit = 10'000;
  // The memory that gRPC may use for all connections of the listener and for arriving messages. At the limit gRPC
  // closes connections without calls and ends calls, no matter whose (RESOURCE_EXHAUSTED). So the customers' server
  // gives up requests that arrive slowly before that. Zero: no bound.
  std::uint64_t max_receive_bytes = 256ULL << 20;
  // How long a customer's request may take to arrive after its headers, and a customer may take to read an answer.
  Duration transit_timeout = std::chrono::seconds(20);
  // A connection of this age takes no new call, and its open calls have `max_age_grace` to end. Zero: no bound.
  Duration max_age{};
  Duration max_age_grace = std::chrono::minutes(5);
  // A connection that has had no call for this long is closed. Zero: never.
  Duration max_idle{};
  // The handshakes of TLS and HTTP/2 must be done within this time.
  Duration handshake_timeout = std::chrono::seconds(10);
  // A client that has sent nothing for `probe_after` is probed; its connection is closed if it does not answer within
  // `probe_timeout`.
  Duration probe_after = std::chrono::seconds(60);
  Duration probe_timeout = std::chrono::seconds(20);
  // A client with calls whose pings came closer together than this three times is disconnected. A client without calls
  // may ping every two hours.
  Duration min_ping_interval = std::chrono::seconds(10);
};

}  // namespace smartbatch::rpc
