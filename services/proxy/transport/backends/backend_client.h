// The client of one backend.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <absl/container/flat_hash_map.h>
#include <absl/status/status.h>
#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/security/credentials.h>

#include "common/mutex.h"
#include "services/proxy/protocol/codec.h"
#include "services/proxy/runtime/backend_link.h"
#include "services/proxy/transport/backends/health_checker.h"

namespace smartbatch::transport {

struct BackendClientOptions {
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  // The name that the backend's certificate must have. If empty, the name in the address.
  std::string server_name = {};
};

// A channel to a backend. It connects when it is first used.
std::shared_ptr<grpc::Channel> Connect(const std::string& address, int max_answer_bytes,
                                       const BackendClientOptions& options);

// Sends batches as calls of the codec's method. The calls end on the completion queue that it is given, which also
// serves the proxy's own calls: a queue and a thread of its own would cost 1.3 to 1.8 times the CPU. It connects by
// itself, with at most a second between attempts, and never retries a call: the scheduler decides about retries. After
// a batch or a health check has timed out it makes a new connection: if the other side is gone without having closed
// it, a connection looks like a slow one, and would be kept for a quarter of an hour. Whether the other side takes the
// new one tells a computing backend from a frozen one (HealthChecker). Thread safe. Every call must have ended before
// the client is destroyed.
class BackendClient final : public runtime::BackendLink {
 public:
  // `address` is host:port. Does not wait for a connection. The codec and the queue must outlive the client.
  BackendClient(const std::string& address, const protocol::BackendCodec& codec, grpc::CompletionQueue& queue,
                BackendClientOptions options = {});
  ~BackendClient() override;

  // The call carries `x-request-id` and `traceparent` once for each context of the batch. If the codec cannot read the
  // reply, or the reply is too large, the batch ends with INTERNAL.
  void Send(const runtime::OutgoingBatch& batch, runtime::BatchReply reply) override;
  void Cancel(scheduling::BatchId id) override;

  // Asks for the backend's health at this interval. Call it at most once. The queue must not be shut down before
  // StopHealthChecks, after which no report comes.
  void StartHealthChecks(Duration interval, std::function<void(scheduling::HealthReport)> report);
  void StopHealthChecks();

  // The error of the last batch or health check, shortened, on one line; empty if that had no error.
  std::string trouble() const;

 private:
  class BatchCall;

  std::unique_ptr<BatchCall> Take(scheduling::BatchId id);
  void ConnectAnew();
  void Remember(const absl::Status& status);

  const std::string address_;
  const protocol::BackendCodec& codec_;
  const std::string path_;
  const BackendClientOptions options_;
  grpc::CompletionQueue& queue_;
  std::shared_ptr<HealthChecker> health_;
  mutable Mutex mutex_;
  std::string trouble_ SMARTBATCH_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> channel_ SMARTBATCH_GUARDED_BY(mutex_);
  absl::flat_hash_map<scheduling::BatchId, std::unique_ptr<BatchCall>> calls_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::transport
