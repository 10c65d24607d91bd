#include "services/proxy/transport/backends/health_checker.h"

#include <chrono>
#include <utility>

#include "services/proxy/transport/backends/backend_answer.h"

namespace smartbatch::transport {
namespace {

using grpc::health::v1::HealthCheckResponse;
using scheduling::HealthReport;

// Why there was no answer; OK if there was one.
absl::Status ReasonOf(const grpc::Status& status, bool parsed) {
  if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED) return absl::OkStatus();
  if (!status.ok()) return FailureOf(status);
  return parsed ? absl::OkStatus() : absl::InternalError("the answer to the health check is damaged");
}

HealthReport ReportOf(const grpc::Status& status, const absl::Status& reason, const HealthCheckResponse& response) {
  if (!reason.ok()) return HealthReport::kNoAnswer;
  if (!status.ok()) return HealthReport::kServing;  // it has no health service
  return response.status() == HealthCheckResponse::SERVING ? HealthReport::kServing : HealthReport::kNotServing;
}

std::chrono::system_clock::time_point After(Duration time) {
  return std::chrono::system_clock::now() + std::chrono::duration_cast<std::chrono::system_clock::duration>(time);
}

}  // namespace

std::shared_ptr<HealthChecker> HealthChecker::Start(grpc::CompletionQueue& queue, Duration interval,
                                                    Connection connection, Report report) {
  std::shared_ptr<HealthChecker> checker(new HealthChecker(queue, interval, std::move(connection), std::move(report)));
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
  // The empty name asks for the server as a whole.
  const auto stub = grpc::health::v1::Health::NewStub(connection_());
  reader_ = stub->AsyncCheck(context_.get(), {}, &queue_);
  reader_->Finish(&response_, &status_, &answered_);
}

// `parsed` is false if the status is OK and the message cannot be parsed.
void HealthChecker::Answered(bool parsed) {
  std::shared_ptr<HealthChecker> self;  // let go outside of the lock
  const MutexLock lock(mutex_);
  self = std::move(on_queue_);
  reader_.reset();
  context_.reset();
  if (stopped_) return;
  const absl::Status reason = ReasonOf(status_, parsed);
  report_(ReportOf(status_, reason, response_), reason);
  on_queue_ = self;
  // A check that timed out has taken the interval already.
  alarm_.Set(&queue_, After(absl::IsDeadlineExceeded(reason) ? Duration::zero() : interval_), &due_);
}

void HealthChecker::Due(bool /*false where it was cancelled*/) {
  std::shared_ptr<HealthChecker> self;  // let go outside of the lock
  const MutexLock lock(mutex_);
  self = std::move(on_queue_);
  if (!stopped_) Ask();
}

}  // namespace smartbatch::transport
