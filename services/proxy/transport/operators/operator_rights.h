// Who may call the operators' service.
#pragma once

#include <set>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

namespace smartbatch::transport {

// What a caller must show, all of what is set; as it is made everybody may call. Thread safe.
class OperatorRights {
 public:
  OperatorRights() = default;
  // `token_file` holds the bearer token; it is read at every call, so a new one holds at once. The certificate must
  // bear one of `certificate_names`. Empty: not asked for.
  OperatorRights(std::string token_file, std::set<std::string> certificate_names);

  // OK; UNAUTHENTICATED without the right token, and for everybody where its file cannot be read; PERMISSION_DENIED for
  // a certificate that bears none of the names.
  grpc::Status Check(const grpc::ServerContextBase& context) const;

 private:
  std::string token_file_;
  std::set<std::string> certificate_names_;
};

}  // namespace smartbatch::transport
