#include "services/proxy/transport/elsewhere.h"

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace smartbatch::transport {

std::shared_ptr<rpc::CallHandler> Elsewhere::Choose(rpc::GenericCall& call) const {
  if (others_) {
    if (auto other = others_(call)) return other;
  }
  return rpc::Refuse(call, {grpc::StatusCode::UNIMPLEMENTED, Explain(call.context().method())});
}

void Elsewhere::SetAddress(std::string address) {
  const MutexLock lock(mutex_);
  address_ = std::move(address);
}

std::string Elsewhere::Explain(const std::string& method) const {
  if (!absl::StartsWith(method, absl::StrCat("/", there_, "/"))) {
    return absl::StrCat("this port has no such method; it serves ", here_, ", health and reflection");
  }
  const MutexLock lock(mutex_);
  return absl::StrCat(there_, " is not served on this port but on the ", port_, " port",
                      address_.empty() ? "" : absl::StrCat(", ", address_));
}

}  // namespace smartbatch::transport
