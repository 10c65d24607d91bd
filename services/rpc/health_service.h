// grpc.health.v1.Health, served from a completion queue.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>

#include "common/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/rpc/open_calls.h"
#include "services/rpc/unary_method.h"

namespace smartbatch::rpc {

// The health service. gRPC's own has threads that wait on a queue of their own (CallQueue says what that costs).
// Use: RegisterWith a builder, start the server, Serve() once, shut the server down, WaitForCalls() while the queue is
// still served. Thread safe except RegisterWith and Serve.
class HealthService {
 public:
  HealthService();
  ~HealthService() = default;
  HealthService(const HealthService&) = delete;
  HealthService& operator=(const HealthService&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder);
  void Serve(grpc::ServerCompletionQueue& queue);
  // Requires: the server has been shut down. Returns when no call is left.
  void WaitForCalls();

  // Sets what is reported of the service from now on. The empty name stands for the server as a whole, which is
  // reported as serving from the start. Does nothing after StopServing.
  void SetServing(const std::string& service, bool serving) SMARTBATCH_EXCLUDES(mutex_);
  // Reports every service as not serving, for good.
  void StopServing() SMARTBATCH_EXCLUDES(mutex_);

 private:
  class Watcher;

  using Said = grpc::health::v1::HealthCheckResponse::ServingStatus;
  // Check takes bytes, so that a malformed request is answered with INVALID_ARGUMENT.
  using Methods = grpc::health::v1::Health::WithRawMethod_Check<
      grpc::health::v1::Health::WithAsyncMethod_Watch<grpc::health::v1::Health::Service>>;

  grpc::Status Check(const grpc::ByteBuffer& request, grpc::ByteBuffer& response) SMARTBATCH_EXCLUDES(mutex_);
  // The status reported of the service; nothing if it is unknown.
  std::optional<Said> Of(const std::string& service) const SMARTBATCH_REQUIRES(mutex_);
  void TellWatchers() SMARTBATCH_REQUIRES(mutex_);

  Methods methods_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  OpenCalls open_watches_;
  Mutex mutex_;
  bool stopped_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  std::map<std::string, Said> services_ SMARTBATCH_GUARDED_BY(mutex_);
  std::set<Watcher*> watchers_ SMARTBATCH_GUARDED_BY(mutex_);
  UnaryMethod<grpc::ByteBuffer, grpc::ByteBuffer> check_;  // last: its calls use the rest
};

}  // namespace smartbatch::rpc
