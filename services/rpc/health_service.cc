#include "services/rpc/health_service.h"

#include <memory>
#include <utility>

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include "services/rpc/raw_message.h"
#include "services/rpc/tag.h"

namespace smartbatch::rpc {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One call of Watch: reports the service's status, and then each new status. Owns itself. It deletes itself if the
// server stops before a caller comes. Otherwise it does so when all its events have come, in whatever order: it was
// accepted, the caller has gone, and everything written has been sent.
class HealthService::Watcher {
 public:
  static void Await(HealthService& health) {
    std::unique_ptr<Watcher> owned(new Watcher(health));
    Watcher& watcher = *owned;
    watcher.self_ = std::move(owned);
    health.methods_.RequestWatch(&watcher.context_, &watcher.request_, &watcher.stream_, health.queue_, health.queue_,
                                 &watcher.accepted_);
  }

  const std::string& service() const { return request_.service(); }
  // Reports the status, unless the caller knows it or a report is under way. Nothing stands for an unknown service.
  // Requires: the lock of the health service is held.
  void Tell(std::optional<Said> said) {
    if (writing_ || gone_) return;
    const Said now = said.value_or(HealthCheckResponse::SERVICE_UNKNOWN);
    if (told_ == now) return;
    told_ = now;
    writing_ = true;
    ++events_to_come_;
    HealthCheckResponse response;
    response.set_status(now);
    stream_.Write(response, &written_);
  }

 private:
  explicit Watcher(HealthService& health) : health_(health) {
    health_.open_watches_.Enter();
    context_.AsyncNotifyWhenDone(&done_);
  }

  void OnAccepted(bool ok) {
    if (!ok) return Leave();  // the server has stopped; no other event will come
    Await(health_);
    {
      const MutexLock lock(health_.mutex_);
      if (!gone_) health_.watchers_.insert(this);
      Tell(health_.Of(service()));
      if (--events_to_come_ > 0) return;
    }
    Leave();
  }
  void OnWritten(bool /*false if the caller has gone*/) {
    {
      const MutexLock lock(health_.mutex_);
      writing_ = false;
      Tell(health_.Of(service()));
      if (--events_to_come_ > 0) return;
    }
    Leave();
  }
  void OnDone(bool /*always true*/) {
    {
      const MutexLock lock(health_.mutex_);
      gone_ = true;
      health_.watchers_.erase(this);
      if (--events_to_come_ > 0) return;
    }
    Leave();
  }
  void Leave() {
    OpenCalls& open_watches = health_.open_watches_;
    std::exchange(self_, nullptr).reset();  // deletes this
    open_watches.Leave();
  }

  HealthService& health_;
  std::unique_ptr<Watcher> self_;
  grpc::ServerContext context_;
  HealthCheckRequest request_;
  grpc::ServerAsyncWriter<HealthCheckResponse> stream_{&context_};
  // The next four are guarded by the health service's lock.
  int events_to_come_ = 2;
  bool writing_ = false;
  bool gone_ = false;
  std::optional<Said> told_;
  MemberTag<Watcher, &Watcher::OnAccepted> accepted_{*this};
  MemberTag<Watcher, &Watcher::OnWritten> written_{*this};
  MemberTag<Watcher, &Watcher::OnDone> done_{*this};
};

HealthService::HealthService()
    : services_{{"", HealthCheckResponse::SERVING}},
      check_([this](auto... arguments) { methods_.RequestCheck(arguments...); },
             [this](const grpc::ServerContext&, const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
               return Check(request, response);
             }) {}

void HealthService::WaitForCalls() {
  check_.WaitForCalls();
  open_watches_.WaitForNone();
}

void HealthService::RegisterWith(grpc::ServerBuilder& builder) {
  // Leaves out gRPC's own health service.
  builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  builder.RegisterService(&methods_);
}

void HealthService::Serve(grpc::ServerCompletionQueue& queue) {
  queue_ = &queue;
  check_.Serve(queue);
  Watcher::Await(*this);
}

void HealthService::SetServing(const std::string& service, bool serving) {
  const MutexLock lock(mutex_);
  if (stopped_) return;
  services_[service] = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  TellWatchers();
}

void HealthService::StopServing() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  for (auto& [service, said] : services_) said = HealthCheckResponse::NOT_SERVING;
  TellWatchers();
}

void HealthService::TellWatchers() {
  for (Watcher* const watcher : watchers_) watcher->Tell(Of(watcher->service()));
}

std::optional<HealthService::Said> HealthService::Of(const std::string& service) const {
  const auto found = services_.find(service);
  if (found == services_.end()) return std::nullopt;
  return found->second;
}

grpc::Status HealthService::Check(const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  HealthCheckRequest asked;
  if (auto status = ParseMessage(request, asked); !status.ok()) return status;
  HealthCheckResponse answer;
  {
    const MutexLock lock(mutex_);
    const auto said = Of(asked.service());
    if (!said) return {grpc::StatusCode::NOT_FOUND, "this server has no service of that name"};
    answer.set_status(*said);
  }
  response = SerializeMessage(answer);
  return grpc::Status::OK;
}

}  // namespace smartbatch::rpc
