#include "services/proxy/transport/proxy_server.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <grpcpp/health_check_service_interface.h>

#include "services/proxy/transport/tag.h"
#include "services/rpc/goaway.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"

namespace smartbatch::transport {
namespace {

// Answers that are on their way get so long.
constexpr std::chrono::seconds kFlushTime{1};
constexpr std::chrono::hours kEver{1};

// gRPC refuses what is longer than this before we see it; leave room for every request that is allowed.
int MaxRequestBytes(const scheduling::SchedulerOptions& limits) {
  constexpr double kMaxBytesPerCharacter = 4;
  constexpr double kDefaultLimit = 4 * 1024 * 1024;
  constexpr double kLargestLimit = 1024.0 * 1024 * 1024;
  const double needed = limits.max_batch_size * (limits.max_sequence_length * kMaxBytesPerCharacter + 16);
  return static_cast<int>(std::clamp(2 * needed, kDefaultLimit, kLargestLimit));
}

}  // namespace

ProxyServer::ProxyServer(const std::string& address, const scheduling::SchedulerOptions& limits,
                         rpc::ListenerOptions options)
    : limits_(limits),
      elsewhere_(proxy::v1::ProxyService::service_full_name(), proxy::v1::AdminService::service_full_name(), "admin"),
      listener_(address, std::move(options)) {
  listener_.builder().SetMaxReceiveMessageSize(MaxRequestBytes(limits));
  listener_.builder().RegisterService(&service_);
  listener_.builder().RegisterCallbackGenericService(&elsewhere_);
  queue_ = listener_.builder().AddCompletionQueue();
}

ProxyServer::~ProxyServer() { Shutdown(); }

absl::Status ProxyServer::Start(runtime::Dispatcher& dispatcher, const runtime::Clock& clock,
                                runtime::CallObserver& observer, int threads) {
  auto server = listener_.Start();
  if (!server.ok()) return server.status();
  server_ = *std::move(server);
  SetReachable(true);
  // NOLINTNEXTLINE(modernize-make-unique): clang 14 makes no aggregate so, and this one cannot be moved
  serving_.reset(new Serving{service_, *queue_, dispatcher, clock, observer, limits_, customer_rights_, {}});
  ProxyCall::Await(*serving_);
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this] { RunTags(*queue_); });
  }
  return absl::OkStatus();
}

void ProxyServer::SetReachable(bool reachable) {
  server_->GetHealthCheckService()->SetServingStatus(proxy::v1::ProxyService::service_full_name(), reachable);
}

std::size_t ProxyServer::MoveCallers() {
  rpc::MoveCallers(*server_);
  return listener_.OpenConnections();
}

void ProxyServer::StopServing() { server_->GetHealthCheckService()->Shutdown(); }

void ProxyServer::WaitForAnswers() {
  serving_->live_calls.WaitForAtMost(1, kFlushTime);  // the one that is left waits for the next call
}

void ProxyServer::Shutdown() {
  if (std::exchange(shut_down_, true)) return;
  if (server_) {
    listener_.StopAccepting();
    server_->Shutdown(std::chrono::system_clock::now() + kFlushTime);
    serving_->live_calls.WaitForAtMost(0, kEver);
  }
  queue_->Shutdown();
  threads_.clear();  // each returns when the queue is empty
  RunTags(*queue_);  // where Start has failed there are none
}

}  // namespace smartbatch::transport
