// Recognizing calls to backends that ended because their connection was lost.
#pragma once

#include <string>

#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// Returns true if the call was on a connection when that was lost, so that the backend had, or may have had, the batch.
// `peer` is ClientContext::peer() of the ended call. Returns false for a call that never got a connection, whose peer
// is the channel's target and not an address, and for an UNAVAILABLE that the backend itself has answered. gRPC 1.51
// makes up trailers for its own statuses, so only their texts distinguish them from a server's.
bool LostConnection(const grpc::Status& status, const std::string& peer);

}  // namespace smartbatch::transport
