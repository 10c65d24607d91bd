#include "services/proxy/transport/customers/customer_rights.h"

#include <algorithm>
#include <utility>

#include "common/program/logging.h"
#include "services/rpc/credentials.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

grpc::Status Denied(const std::string& customer, const std::string& why) {
  return rpc::WithReason(grpc::StatusCode::PERMISSION_DENIED,
                         "this caller may not call as customer " + program::Quoted(customer) + ": " + why,
                         "CUSTOMER_NOT_BOUND", {{"customer", customer}});
}

}  // namespace

void CustomerRights::Set(Bindings bindings) {
  auto next = std::make_shared<const Bindings>(std::move(bindings));
  const MutexLock lock(mutex_);
  bindings_.swap(next);
}

grpc::Status CustomerRights::Check(const std::string& customer, const grpc::ServerContextBase& context) const {
  std::shared_ptr<const Bindings> bindings;
  {
    const MutexLock lock(mutex_);
    bindings = bindings_;
  }
  const auto bound = bindings->certificate_names.find(customer);
  if (bound == bindings->certificate_names.end()) {
    if (!bindings->only_bound) return grpc::Status::OK;
    return Denied(customer, "the configuration binds this customer to no certificate, and allows bound customers only");
  }
  const std::vector<std::string> names = rpc::PeerNames(context);
  const bool may =
      std::any_of(names.begin(), names.end(), [&](const std::string& name) { return bound->second.count(name) > 0; });
  if (may) return grpc::Status::OK;
  return Denied(customer, "the caller's certificate has none of the customer's certificate_names");
}

}  // namespace smartbatch::transport
