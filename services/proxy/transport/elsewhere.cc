#include "services/proxy/transport/elsewhere.h"

#include <memory>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>

#include "services/rpc/tag.h"

namespace smartbatch::transport {

// Ends the call at once. Owns itself, until it was answered or will never be matched with a caller.
class Elsewhere::Call {
 public:
  static void Await(Elsewhere& elsewhere) {
    std::unique_ptr<Call> owned(new Call(elsewhere));
    Call& call = *owned;
    call.self_ = std::move(owned);
    elsewhere.methods_.RequestCall(&call.context_, &call.stream_, elsewhere.queue_, elsewhere.queue_, &call.accepted_);
  }

 private:
  explicit Call(Elsewhere& elsewhere) : elsewhere_(elsewhere) { elsewhere_.open_calls_.Enter(); }

  void OnAccepted(bool ok) {
    if (!ok) return Leave();  // the server is stopped
    Await(elsewhere_);
    stream_.Finish({grpc::StatusCode::UNIMPLEMENTED, elsewhere_.Explain(context_.method())}, &finished_);
  }
  void OnFinished(bool /*false if the caller had gone*/) { Leave(); }
  void Leave() {
    rpc::OpenCalls& open_calls = elsewhere_.open_calls_;
    std::exchange(self_, nullptr).reset();  // this is gone now
    open_calls.Leave();
  }

  Elsewhere& elsewhere_;
  std::unique_ptr<Call> self_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  rpc::MemberTag<Call, &Call::OnAccepted> accepted_{*this};
  rpc::MemberTag<Call, &Call::OnFinished> finished_{*this};
};

void Elsewhere::Serve(grpc::ServerCompletionQueue& queue) {
  queue_ = &queue;
  Call::Await(*this);
}

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

}  // namespace smartbatch::transport
