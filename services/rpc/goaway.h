// Callers move to another process without losing a call.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include <grpcpp/server.h>

#include "common/program/signals.h"

namespace smartbatch::rpc {

// How long connections that are being made while a process stops may take, if another process shares its port: it goes
// on accepting for so long.
inline constexpr std::chrono::milliseconds kHandshakeTime{250};

// Sends HTTP/2's GOAWAY on every connection that the server has. Its calls go on, those that come before the client has
// read it are served like any other, and the connection is closed once there are none: the client makes the next call
// on a new one. To send it again changes nothing. Blocks until it is on its way. The server must not be shut down.
//
// grpc::Server::Shutdown sends it too, but from then on ends each call that comes with CANCELLED.
void MoveCallers(grpc::Server& server);

// What ServeUntilMoved asks for.
struct Moving {
  // Calls MoveCallers and answers how many connections are open.
  std::function<std::size_t()> move_callers;
  // How many calls have come since the start.
  std::function<std::size_t()> calls;
  // Whether no call is left to be answered.
  std::function<bool()> is_idle;
};

// Lets the server serve while its callers move, until no connection is left; or there was no call for a second, since a
// client that has none need not move; or the time is over.
void ServeUntilMoved(const Moving& moving, program::StopTime& time);

}  // namespace smartbatch::rpc
