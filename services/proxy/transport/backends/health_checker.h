// Asks a backend again and again whether it serves.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include <absl/status/status.h>
#include <grpcpp/alarm.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/protocol/codec.h"
#include "services/proxy/scheduling/backends/backend_pool.h"
#include "services/rpc/tag.h"

namespace smartbatch::transport {

// Asks the protocol's question at once and then one interval after each answer, waiting for one interval at most,
// after which it asks again at once; on a completion queue that others use as well. A server without that method
// counts as serving. Thread safe.
class HealthChecker final : public std::enable_shared_from_this<HealthChecker> {
 public:
  // The connection that is to be asked through.
  using Connection = std::function<std::shared_ptr<grpc::Channel>()>;
  // Told of every answer, and of every one that has not come, with the reason (else OK; DEADLINE_EXCEEDED: it has not
  // come within the interval). Must not call the checker.
  using Report = std::function<void(scheduling::HealthReport report, const absl::Status& reason)>;

  // The queue must outlive it, and Stop must be called before the queue is shut down.
  static std::shared_ptr<HealthChecker> Start(grpc::CompletionQueue& queue, Duration interval,
                                              protocol::HealthQuestion question, Connection connection, Report report);
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // When it returns no report runs, and none will.
  void Stop();

 private:
  HealthChecker(grpc::CompletionQueue& queue, Duration interval, protocol::HealthQuestion question,
                Connection connection, Report report)
      : queue_(queue),
        interval_(interval),
        question_(std::move(question)),
        path_(question_.method.path()),
        connection_(std::move(connection)),
        report_(std::move(report)) {}

  void Ask() SMARTBATCH_REQUIRES(mutex_);
  void Answered(bool ok);
  void Due(bool ok);

  grpc::CompletionQueue& queue_;
  const Duration interval_;
  const protocol::HealthQuestion question_;
  const std::string path_;
  const Connection connection_;
  const Report report_;

  Mutex mutex_;
  bool stopped_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  // Keeps the object while something of it is on the queue.
  std::shared_ptr<HealthChecker> on_queue_ SMARTBATCH_GUARDED_BY(mutex_);
  grpc::Alarm alarm_ SMARTBATCH_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientContext> context_ SMARTBATCH_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_ SMARTBATCH_GUARDED_BY(mutex_);
  grpc::ByteBuffer response_;  // gRPC writes them until Answered
  grpc::Status status_;
  rpc::MemberTag<HealthChecker, &HealthChecker::Answered> answered_{*this};
  rpc::MemberTag<HealthChecker, &HealthChecker::Due> due_{*this};
};

}  // namespace smartbatch::transport
