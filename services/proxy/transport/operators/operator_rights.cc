#include "services/proxy/transport/operators/operator_rights.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/program/limited_log.h"
#include "services/rpc/bearer_token.h"
#include "services/rpc/credentials.h"

namespace smartbatch::transport {

OperatorRights::OperatorRights(std::string token_file, std::set<std::string> certificate_names)
    : token_file_(std::move(token_file)), certificate_names_(std::move(certificate_names)) {}

grpc::Status OperatorRights::Check(const grpc::ServerContextBase& context) const {
  if (!token_file_.empty()) {
    const auto token = rpc::ReadToken(token_file_);
    if (!token.ok()) {
      static program::LogLimit limit;
      program::LogLimited(limit, spdlog::level::err, "admin: every call is refused: {}",
                          std::string(token.status().message()));
      return {grpc::StatusCode::UNAUTHENTICATED, "the server cannot read its own token; its log says why"};
    }
    if (auto status = rpc::CheckBearerToken(context, *token); !status.ok()) return status;
  }
  if (certificate_names_.empty()) return grpc::Status::OK;
  const std::vector<std::string> names = rpc::PeerNames(context);
  const bool may = std::any_of(names.begin(), names.end(),
                               [this](const std::string& name) { return certificate_names_.count(name) > 0; });
  if (may) return grpc::Status::OK;
  return {grpc::StatusCode::PERMISSION_DENIED, "the caller's certificate has none of the operators' names"};
}

}  // namespace smartbatch::transport
