#include "services/proxy/transport/elsewhere.h"

#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

namespace smartbatch::transport {
namespace {

// Ends the call at once and itself when gRPC is done with it.
class Refusal final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Refusal(const std::string& reason) { Finish({grpc::StatusCode::UNIMPLEMENTED, reason}); }
  void OnDone() override { delete this; }  // NOLINT(cppcoreguidelines-owning-memory)
};

}  // namespace

void Elsewhere::SetAddress(std::string address) {
  const MutexLock lock(mutex_);
  address_ = std::move(address);
}

std::string Elsewhere::Explain(const std::string& method) const {
  if (!absl::StartsWith(method, absl::StrCat("/", there_, "/"))) {
    return absl::StrCat("there is no such method on this port: it serves ", here_, ", health and reflection");
  }
  const MutexLock lock(mutex_);
  return absl::StrCat(there_, " is not served on this port but on the ", port_, " port",
                      address_.empty() ? "" : absl::StrCat(", ", address_));
}

grpc::ServerGenericBidiReactor* Elsewhere::CreateReactor(grpc::GenericCallbackServerContext* context) {
  return new Refusal(Explain(context->method()));  // NOLINT(cppcoreguidelines-owning-memory)
}

}  // namespace smartbatch::transport
