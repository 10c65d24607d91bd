// What connections to a server may take.
#pragma once

#include <chrono>
#include <cstdint>

#include "common/time.h"

namespace smartbatch::rpc {

struct ConnectionLimits {
  // Open at once on this listener; more are closed at once.
  std::uint32_t max_connections = 10'000;
  // Of one call's headers; a call with more is refused with RESOURCE_EXHAUSTED.
  std::uint32_t max_metadata_bytes = 8192;
  // Open at once on one connection; a client waits with more.
  std::uint32_t max_concurrent_calls = 20'000;
  // Of all connections of customers: calls whose request is arriving or whose answer is not taken yet. A new call is
  // refused with RESOURCE_EXHAUSTED if there are as many.
  std::uint32_t max_calls_in_transit = 10'000;
  // What gRPC may take, in bytes, for all connections of the listener and for messages that are arriving. At the limit
  // gRPC closes connections without calls and ends calls, whosever they are (RESOURCE_EXHAUSTED), so the customers'
  // server gives up requests that arrive slowly before that. Zero: no bound.
  std::uint64_t max_receive_bytes = 256ULL << 20;
  // Of customers: how long a request may take to arrive after its headers, and an answer to be taken.
  Duration transit_timeout = std::chrono::seconds(20);
  // After so long a connection takes no new call, and what is open has `max_age_grace` to end. Zero: for ever.
  Duration max_age{};
  Duration max_age_grace = std::chrono::minutes(5);
  // A connection without calls is closed after so long. Zero: never.
  Duration max_idle{};
  // TLS and HTTP/2 must have been agreed on within this time.
  Duration handshake_timeout = std::chrono::seconds(10);
  // A client that says nothing is asked after so long whether it is there, and closed where it does not answer within
  // `probe_timeout`.
  Duration probe_after = std::chrono::seconds(60);
  Duration probe_timeout = std::chrono::seconds(20);
  // A client with calls that asks whether the server is there more often than this, thrice, is sent away; one without
  // calls may ask every two hours.
  Duration min_ping_interval = std::chrono::seconds(10);
};

}  // namespace smartbatch::rpc
