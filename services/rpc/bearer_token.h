// A secret that callers show in `authorization: Bearer <token>` (RFC 6750).
#pragma once

#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace smartbatch::rpc {

// The token that the file holds, without the white space around it. INVALID_ARGUMENT when the file is no regular file,
// cannot be read or does not hold 16 to 1024 printable ASCII characters without a space.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// Takes as long whatever is different, and tells nothing of the lengths.
bool SameSecret(absl::string_view left, absl::string_view right);

// OK where the call shows this token, else UNAUTHENTICATED.
grpc::Status CheckBearerToken(const grpc::ServerContextBase& context, const std::string& token);

}  // namespace smartbatch::rpc
