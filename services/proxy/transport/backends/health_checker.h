// The regular health check of one backend.
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

// Asks a backend regularly whether it serves, with the protocol's question: at once, and then one interval after each
// answer. It waits for an answer for at most one interval, and then asks again at once. A server without the question's
// method counts as serving. The completion queue may be shared with others. Thread safe.
//
// A server that computes on the thread that answers all calls, such as KServe's with a synchronous `predict`, answers
// no question while a batch runs. Yet its gRPC, which has threads of its own, still takes connections, and a process
// that is stopped takes none: the system accepts them, but nobody sends HTTP/2's first frame, which gRPC waits for. So
// a question that ran out of time on a channel that connected meanwhile is reported as kConnects.
class HealthChecker final : public std::enable_shared_from_this<HealthChecker> {
 public:
  // Returns the channel to ask through.
  using Connection = std::function<std::shared_ptr<grpc::Channel>()>;
  // Called for every answer, with OK as the reason, and for every question without an answer, with the reason:
  // DEADLINE_EXCEEDED if no answer has come within the interval. After that the next question should have a channel
  // that has yet to connect: only then can kConnects be told from kNoAnswer. Must not call the checker.
  using Report = std::function<void(scheduling::HealthReport report, const absl::Status& reason)>;

  // The queue must outlive the checker, and Stop must be called before the queue is shut down.
  static std::shared_ptr<HealthChecker> Start(grpc::CompletionQueue& queue, Duration interval,
                                              protocol::HealthQuestion question, Connection connection, Report report);
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  // Once this has returned, no report is running and none will come.
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
  // Keeps the object alive while one of its tags is on the queue.
  std::shared_ptr<HealthChecker> on_queue_ SMARTBATCH_GUARDED_BY(mutex_);
  std::shared_ptr<grpc::Channel> channel_ SMARTBATCH_GUARDED_BY(mutex_);
  bool was_connected_ SMARTBATCH_GUARDED_BY(mutex_) = false;  // when the question was sent
  grpc::Alarm alarm_ SMARTBATCH_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientContext> context_ SMARTBATCH_GUARDED_BY(mutex_);
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_ SMARTBATCH_GUARDED_BY(mutex_);
  // gRPC writes these two until Answered.
  grpc::ByteBuffer response_;
  grpc::Status status_;
  rpc::MemberTag<HealthChecker, &HealthChecker::Answered> answered_{*this};
  rpc::MemberTag<HealthChecker, &HealthChecker::Due> due_{*this};
};

}  // namespace smartbatch::transport
