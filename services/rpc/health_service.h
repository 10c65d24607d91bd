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

// gRPC has one of its own, whose threads would wait on a queue of theirs (CallQueue says what that costs).
// Use: RegisterWith a builder, start the server, Serve() once, shut the server down, WaitForCalls() while the queue is
// still served. Thread safe but for RegisterWith and Serve.
class HealthService {
 public:
  HealthService();
  ~HealthService() = default;
  HealthService(const HealthService&) = delete;
  HealthService& operator=(const HealthService&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder);
  void Serve(grpc::ServerCompletionQueue& queue);
  // The server has been shut down. Returns when no call is left.
  void WaitForCalls();

  // What is said of the service from now on; the empty name is the server as a whole, which serves as it is made. Does
  // nothing after StopServing.
  void SetServing(const std::string& service, bool serving) SMARTBATCH_EXCLUDES(mutex_);
  // Everything is said not to serve, for good.
  void StopServing() SMARTBATCH_EXCLUDES(mutex_);

 private:
  class Watcher;

  using Said = grpc::health::v1::HealthCheckResponse::ServingStatus;
  // Check as bytes, so that a malformed request reads INVALID_ARGUMENT.
  using Methods = grpc::health::v1::Health::WithRawMethod_Check<
      grpc::health::v1::Health::WithAsyncMethod_Watch<grpc::health::v1::Health::Service>>;

  grpc::Status Check(const grpc::ByteBuffer& request, grpc::ByteBuffer& response) SMARTBATCH_EXCLUDES(mutex_);
  // Nothing if the service is unknown.
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
