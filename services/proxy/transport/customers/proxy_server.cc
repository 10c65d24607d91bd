#include "services/proxy/transport/customers/proxy_server.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>

#include "common/program/heap.h"
#include "services/rpc/goaway.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {
namespace {

// How long answers on their way are waited for.
constexpr std::chrono::seconds kFlushTime{1};
constexpr std::chrono::hours kEver{1};

// gRPC refuses messages longer than any allowed request, but reads all below a megabyte. Those we refuse ourselves,
// with an error that names what is too long.
int MaxMessageBytes(const protocol::CustomerCodec& codec) {
  constexpr double kSmallestLimit = 1024 * 1024;
  constexpr double kLargestLimit = 1024.0 * 1024 * 1024;
  return static_cast<int>(std::clamp(codec.max_request_bytes(), kSmallestLimit, kLargestLimit));
}

TransitLimits TransitLimitsOf(const rpc::ConnectionLimits& connections, int max_message_bytes) {
  // The rest is for connections, and for requests that arrive before a slow one is given up.
  constexpr double kShareForSlowRequests = 0.25;
  const double bytes = kShareForSlowRequests * static_cast<double>(connections.max_receive_bytes);
  return {.max_in_transit = connections.max_calls_in_transit,
          .max_slow_requests = static_cast<std::size_t>(std::max(bytes / max_message_bytes, 1.0)),
          .timeout = connections.transit_timeout};
}

}  // namespace

ProxyServer::ProxyServer(const std::string& address, rpc::CallQueue& queue, const protocol::CustomerCodec& codec,
                         rpc::ListenerOptions options)
    : codec_(codec),
      connection_limits_(options.limits),
      queue_(queue),
      method_(codec.method()),
      listener_(address, queue, std::move(options)),
      elsewhere_(codec.method().service, proxy::v1::AdminService::service_full_name(), "admin") {
  listener_.builder().SetMaxReceiveMessageSize(MaxMessageBytes(codec));
  listener_.Add(method_, codec.method().service);
  elsewhere_.RegisterWith(listener_.builder());
}

ProxyServer::~ProxyServer() { Shutdown(); }

absl::Status ProxyServer::Start(const runtime::ModelTable& models, const runtime::Clock& clock,
                                runtime::CallObserver& observer) {
  if (auto status = listener_.Start(); !status.ok()) return status;
  // NOLINTNEXTLINE(modernize-make-unique): clang 14 cannot make an aggregate that way, and this one cannot be moved
  environment_.reset(new CallEnvironment{codec_, method_, queue_.queue(), models, clock, observer,
                                         connection_limits_.max_metadata_bytes, customer_rights_,
                                         LiveCalls(TransitLimitsOf(connection_limits_, MaxMessageBytes(codec_)))});
  ProxyCall::Await(*environment_);
  elsewhere_.Serve(queue_.queue());
  sweeper_ = std::jthread([this](const std::stop_token& stop) { RunSweeper(stop); });
  return absl::OkStatus();
}

void ProxyServer::SetReachable(bool reachable) {
  // Under our own service's name too: probes use it, whatever protocol the proxy speaks.
  for (const std::string& service :
       {codec_.method().service, std::string(proxy::v1::ProxyService::service_full_name())}) {
    listener_.health().SetServing(service, reachable);
  }
}

std::size_t ProxyServer::MoveCallers() {
  rpc::MoveCallers(listener_.server());
  return listener_.OpenConnections();
}

void ProxyServer::RunSweeper(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kPause{100};
  program::HeapTrimmer heap;
  while (!stop.stop_requested()) {
    std::this_thread::sleep_for(kPause);
    const Time now = environment_->clock.Now();
    environment_->live_calls.Sweep(now);
    heap.Look(now);
  }
}

LiveCalls::Counts ProxyServer::calls() const {
  return environment_ ? environment_->live_calls.counts() : LiveCalls::Counts();
}

void ProxyServer::StopServing() { listener_.health().StopServing(); }

void ProxyServer::WaitForAnswers() {
  environment_->live_calls.WaitForAtMost(1, kFlushTime);  // the last one waits for the next call
}

void ProxyServer::Shutdown() {
  if (std::exchange(shut_down_, true)) return;
  listener_.ShutDown(kFlushTime);
  if (environment_) environment_->live_calls.WaitForAtMost(0, kEver);
  sweeper_ = {};
}

}  // namespace smartbatch::transport
