// Moving callers to another process without losing a call.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include <grpcpp/server.h>

#include "common/program/signals.h"

namespace smartbatch::rpc {

// How long a process that stops goes on accepting if another process shares its port, for connections that are just
// being made.
inline constexpr std::chrono::milliseconds kHandshakeTime{250};

// Sends HTTP/2's GOAWAY on every connection of the server. Open calls go on. Calls that arrive before the client has
// read the GOAWAY are served as usual. The connection is closed once it has no call, and the client makes its next call
// on a new connection. Sending it again changes nothing. Blocks until it has been sent. The server must not be shut
// down.
//
// grpc::Server::Shutdown sends GOAWAY too, but from then on ends each call that arrives with CANCELLED.
void MoveCallers(grpc::Server& server);

// What ServeUntilMoved asks for.
struct Moving {
  // Calls MoveCallers and returns how many connections are open.
  std::function<std::size_t()> move_callers;
  // Returns how many calls have come since the start.
  std::function<std::size_t()> calls;
  // Returns true if no call is left to be answered.
  std::function<bool()> is_idle;
};

// Lets the server serve while its callers move. Returns when no connection is left, when there has been no call for a
// second (clients without calls need not move), or when the time is over.
void ServeUntilMoved(const Moving& moving, program::StopTime& time);

}  // namespace smartbatch::rpc
