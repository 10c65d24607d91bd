// Who may call the operators' service.
#pragma once

#include <set>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// What a caller must present: everything that is set. By default everybody may call. Thread safe.
class OperatorRights {
 public:
  OperatorRights() = default;
  // `token_file` contains the bearer token; it is read at every call, so a new token is valid at once. The caller's
  // certificate must have one of `certificate_names`. Empty: not required.
  OperatorRights(std::string token_file, std::set<std::string> certificate_names);

  // OK; UNAUTHENTICATED without the right token, and for everybody if its file cannot be read; PERMISSION_DENIED for a
  // certificate with none of the names.
  grpc::Status Check(const grpc::ServerContextBase& context) const;

 private:
  std::string token_file_;
  std::set<std::string> certificate_names_;
};

}  // namespace smartbatch::transport
