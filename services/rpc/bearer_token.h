// A secret that callers send as `authorization: Bearer <token>` (RFC 6750).
#pragma once

#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace smartbatch::rpc {

// The token in the file, without the white space around it. INVALID_ARGUMENT if the path is not a regular file, if it
// cannot be read, or if it does not contain 16 to 1024 printable ASCII characters without a space.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// Returns true if both are the same. The time that it takes does not reveal where they differ or how long they are.
bool SameSecret(absl::string_view left, absl::string_view right);

// OK if the call has this token, else UNAUTHENTICATED.
grpc::Status CheckBearerToken(const grpc::ServerContextBase& context, const std::string& token);

}  // namespace smartbatch::rpc
