#include "services/rpc/goaway.h"

#include <chrono>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include <grpcpp/alarm.h>

// gRPC 1.51 can send GOAWAY but has no public name for it. This declaration is from its source,
// src/core/lib/surface/server.h. The library exports the symbol, so a version without it does not link.
namespace grpc_core {
class Server {
 public:
  void SendGoaways();
};
}  // namespace grpc_core

namespace smartbatch::rpc {
namespace {

constexpr std::chrono::seconds kQuietTime{1};
constexpr std::chrono::milliseconds kMoveEvery{50};

}  // namespace

void MoveCallers(grpc::Server& server) {
  // As gRPC's CppImplOf does.
  auto* const core = reinterpret_cast<grpc_core::Server*>(server.c_server());
  const auto sent = std::make_shared<std::promise<void>>();
  auto done = sent->get_future();
  // SendGoaways needs one of gRPC's threads, which have what gRPC calls an execution context.
  grpc::Alarm alarm;
  alarm.Set(std::chrono::system_clock::now(), [core, sent](bool) {
    core->SendGoaways();
    sent->set_value();
  });
  done.wait();
}

void ServeUntilMoved(const Moving& moving, program::StopTime& time) {
  using std::chrono::steady_clock;
  std::size_t calls = moving.calls();
  auto quiet_since = steady_clock::now();
  while (moving.move_callers() > 0 && !time.IsOver()) {
    const auto now = steady_clock::now();
    const std::size_t before = std::exchange(calls, moving.calls());
    if (calls != before || !moving.is_idle()) quiet_since = now;
    if (now - quiet_since > kQuietTime) return;
    std::this_thread::sleep_for(kMoveEvery);
  }
}

}  // namespace smartbatch::rpc
