// Whether a call to a backend ended because its connection was lost.
#pragma once

#include <string>

#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// The call was on a connection when that was lost, so that the backend had the batch, or may have had it. `peer` is
// ClientContext::peer() of the ended call. False for a call that never got a connection, whose peer is the channel's
// target and no address; and for an UNAVAILABLE that the backend itself has answered. gRPC 1.51 makes up trailers
// for its own statuses, so only their texts tell them from a server's.
bool LostConnection(const grpc::Status& status, const std::string& peer);

}  // namespace smartbatch::transport
