#include "services/proxy/transport/backends/health_checker.h"

#include <chrono>
#include <utility>

#include <grpcpp/generic/generic_stub.h>

#include "services/proxy/transport/backends/backend_answer.h"

namespace smartbatch::transport {
namespace {

using scheduling::HealthReport;

struct Said {
  HealthReport report = HealthReport::kNoAnswer;
  absl::Status reason;  // why there is no answer
};

Said SaidBy(const grpc::Status& status, const grpc::ByteBuffer& answer, const protocol::HealthQuestion& question) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return {HealthReport::kServing, absl::OkStatus()};
  if (!status.ok()) return {HealthReport::kNoAnswer, FailureOf(status)};
  const auto serves = question.serves(answer);
  if (!serves.ok()) return {HealthReport::kNoAnswer, serves.status()};
  return {*serves ? HealthReport::kServing : HealthReport::kNotServing, absl::OkStatus()};
}

std::chrono::system_clock::time_point After(Duration time) {
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
}

bool IsConnected(grpc::Channel& channel) { return channel.GetState(false) == GRPC_CHANNEL_READY; }

}  // namespace

std::shared_ptr<HealthChecker> HealthChecker::Start(grpc::CompletionQueue& queue, Duration interval,
                                                    protocol::HealthQuestion question, Connection connection,
                                                    Report report) {
  std::shared_ptr<HealthChecker> checker(
      new HealthChecker(queue, interval, std::move(question), std::move(connection), std::move(report)));
  const MutexLock lock(checker->mutex_);
  checker->Ask();
  return checker;
}

void HealthChecker::Stop() {
  const MutexLock lock(mutex_);
  stopped_ = true;
  alarm_.Cancel();
  if (context_) context_->TryCancel();
}

void HealthChecker::Ask() {
  on_queue_ = shared_from_this();
  context_ = std::make_unique<grpc::ClientContext>();
  context_->set_deadline(After(interval_));
  channel_ = connection_();
  was_connected_ = IsConnected(*channel_);
  grpc::GenericStub stub(channel_);
  reader_ = stub.PrepareUnaryCall(context_.get(), path_, question_.message, &queue_);
  reader_->StartCall();
  reader_->Finish(&response_, &status_, &answered_);
}

void HealthChecker::Answered(bool /*always true*/) {
  std::shared_ptr<HealthChecker> self;  // let go outside of the lock, as the channel
  std::shared_ptr<grpc::Channel> channel;
  const MutexLock lock(mutex_);
  self = std::move(on_queue_);
  channel = std::move(channel_);
  reader_.reset();
  context_.reset();
  if (stopped_) return;
  auto [report, reason] = SaidBy(status_, response_, question_);
  const bool connected_meanwhile = !was_connected_ && IsConnected(*channel);
  if (absl::IsDeadlineExceeded(reason) && connected_meanwhile) report = HealthReport::kConnects;
  response_.Clear();
  report_(report, reason);
  on_queue_ = self;
  // A check that timed out has already taken the interval.
  alarm_.Set(&queue_, After(absl::IsDeadlineExceeded(reason) ? Duration::zero() : interval_), &due_);
}

void HealthChecker::Due(bool /*false if it was cancelled*/) {
  std::shared_ptr<HealthChecker> self;  // let go outside of the lock
  const MutexLock lock(mutex_);
  self = std::move(on_queue_);
  if (!stopped_) Ask();
}

}  // namespace smartbatch::transport
