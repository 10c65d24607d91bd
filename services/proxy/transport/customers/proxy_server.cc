#include "services/proxy/transport/customers/proxy_server.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/program/heap.h"
#include "services/rpc/goaway.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {
namespace {

// Answers that are on their way get so long.
constexpr std::chrono::seconds kFlushTime{1};
constexpr std::chrono::hours kEver{1};

double LargestRequestBytes(const scheduling::SchedulerOptions& limits) {
  constexpr double kMaxBytesPerCharacter = 4;
  constexpr double kBytesOfAField = 16;
  return limits.max_batch_size * (limits.max_sequence_length * kMaxBytesPerCharacter + kBytesOfAField);
}

// What is longer than every request that is allowed is refused by gRPC. Below a megabyte it is read all the same, and
// refused by us, with the name of the text that is too long.
int MaxMessageBytes(const scheduling::SchedulerOptions& limits) {
  constexpr double kSmallestLimit = 1024 * 1024;
  constexpr double kLargestLimit = 1024.0 * 1024 * 1024;
  return static_cast<int>(std::clamp(LargestRequestBytes(limits), kSmallestLimit, kLargestLimit));
}

TransitLimits TransitLimitsOf(const rpc::ConnectionLimits& connections, const scheduling::SchedulerOptions& limits) {
  // The rest is for connections, and for what arrives before a slow request is given up.
  constexpr double kShareForSlowRequests = 0.25;
  const double bytes = kShareForSlowRequests * static_cast<double>(connections.max_receive_bytes);
  return {.max_in_transit = connections.max_calls_in_transit,
          .max_slow_requests = static_cast<std::size_t>(std::max(bytes / MaxMessageBytes(limits), 1.0)),
          .timeout = connections.transit_timeout};
}

}  // namespace

ProxyServer::ProxyServer(const std::string& address, rpc::CallQueue& queue, const scheduling::SchedulerOptions& limits,
                         rpc::ListenerOptions options)
    : limits_(limits),
      connection_limits_(options.limits),
      queue_(queue),
      listener_(address, queue, std::move(options)),
      elsewhere_(proxy::v1::ProxyService::service_full_name(), proxy::v1::AdminService::service_full_name(), "admin") {
  listener_.builder().SetMaxReceiveMessageSize(MaxMessageBytes(limits));
  listener_.Add(method_, proxy::v1::ProxyService::service_full_name());
  elsewhere_.RegisterWith(listener_.builder());
}

ProxyServer::~ProxyServer() { Shutdown(); }

absl::Status ProxyServer::Start(runtime::Dispatcher& dispatcher, const runtime::Clock& clock,
                                runtime::CallObserver& observer) {
  if (auto status = listener_.Start(); !status.ok()) return status;
  // NOLINTNEXTLINE(modernize-make-unique): clang 14 makes no aggregate so, and this one cannot be moved
  serving_.reset(new Serving{method_, queue_.queue(), dispatcher, clock, observer, limits_,
                             connection_limits_.max_metadata_bytes, customer_rights_,
                             LiveCalls(TransitLimitsOf(connection_limits_, limits_))});
  ProxyCall::Await(*serving_);
  elsewhere_.Serve(queue_.queue());
  sweeper_ = std::jthread([this](const std::stop_token& stop) { RunSweeper(stop); });
  return absl::OkStatus();
}

void ProxyServer::SetReachable(bool reachable) {
  listener_.health().SetServing(proxy::v1::ProxyService::service_full_name(), reachable);
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
    const Time now = serving_->clock.Now();
    serving_->live_calls.Sweep(now);
    heap.Look(now);
  }
}

LiveCalls::Counts ProxyServer::calls() const { return serving_ ? serving_->live_calls.counts() : LiveCalls::Counts(); }

void ProxyServer::StopServing() { listener_.health().StopServing(); }

void ProxyServer::WaitForAnswers() {
  serving_->live_calls.WaitForAtMost(1, kFlushTime);  // the one that is left waits for the next call
}

void ProxyServer::Shutdown() {
  if (std::exchange(shut_down_, true)) return;
  listener_.ShutDown(kFlushTime);
  if (serving_) serving_->live_calls.WaitForAtMost(0, kEver);
  sweeper_ = {};
}

}  // namespace smartbatch::transport
