#include "services/classifier/classifier_call.h"

#include <csignal>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <spdlog/spdlog.h>

#include "services/rpc/status_details.h"
#include "services/rpc/time_left.h"

namespace smartbatch::classifier {
namespace {

// When a caller should come again if it is not known how long a batch takes.
constexpr Duration kRetryUnmodelled = std::chrono::milliseconds(100);

}  // namespace

ClassifierCall::ClassifierCall(const Serving& serving, std::unique_ptr<Exchange> exchange,
                               const grpc::CallbackServerContext& context, grpc::ByteBuffer& response,
                               std::function<void()> on_done)
    : serving_(serving),
      exchange_(std::move(exchange)),
      context_(context),
      response_(response),
      on_done_(std::move(on_done)) {}

void ClassifierCall::Start(const grpc::ByteBuffer& request, std::uint64_t batch_number) {
  if (const auto status = exchange_->Read(request); !status.ok()) return Refuse(status);
  const auto* const texts = std::get_if<std::vector<std::string>>(&exchange_->rows());
  fault_ = serving_.faults.Decide(batch_number, texts != nullptr ? *texts : std::vector<std::string>());
  crashes_ = texts != nullptr && serving_.faults.EndTheClassifier(*texts);
  self_ = shared_from_this();
  serving_.metrics.Queued();
  if (serving_.runner.Submit(shared_from_this())) return;
  serving_.metrics.Unqueued();
  Answer(rpc::ResourceExhausted("max-waiting", "the largest number of batches wait (--max-waiting); call again later",
                                serving_.cost ? ModelledTime() : kRetryUnmodelled));
}

void ClassifierCall::Refuse(const grpc::Status& status) {
  self_ = shared_from_this();
  Answer(status);
}

Duration ClassifierCall::ModelledTime() const {
  return FromSeconds(serving_.cost->Seconds(exchange_->row_count(), exchange_->longest()));
}

Duration ClassifierCall::Begin() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point began = Clock::now();
  began_ = true;
  serving_.metrics.Unqueued();
  serving_.metrics.Began(exchange_->row_count());
  if (const auto answers = serving_.engine.Run(exchange_->rows()); answers.ok()) {
    response_ = exchange_->Write(*answers);
  } else {
    failure_ = rpc::WithReason(grpc::StatusCode::INTERNAL, std::string(answers.status().message()), "ENGINE_FAILED");
  }
  if (crashes_) std::raise(SIGKILL);
  const Duration time = serving_.cost ? ModelledTime() : Clock::now() - began;
  switch (fault_) {
    case Fault::kHang:
      return Duration::max();
    case Fault::kSlow:
      return FromSeconds(ToSeconds(time) * serving_.faults.rates.slow_factor);
    default:
      return time;
  }
}

void ClassifierCall::End(BatchEnd end, Duration held) {
  if (began_) {
    serving_.metrics.Ended(held);
  } else {
    serving_.metrics.Unqueued();
  }
  const auto status = StatusAtEnd(end);
  spdlog::debug("batch of {} rows, the longest of {}: {} after {:.3f} ms in a slot", exchange_->row_count(),
                exchange_->longest(), rpc::CodeName(status.error_code()), ToMilliseconds(held));
  Answer(status);
}

grpc::Status ClassifierCall::StatusAtEnd(BatchEnd end) const {
  if (end == BatchEnd::kDone) {
    if (fault_ != Fault::kError) return failure_;
    return rpc::WithReason(grpc::StatusCode::INTERNAL, "the batch failed, as the --fault-... flags demand",
                           "INJECTED_FAULT");
  }
  if (!context_.IsCancelled())
    return rpc::Unavailable("the classifier stopped before the batch ended", Duration::zero());
  if (rpc::TimeLeft(context_) == Duration::zero()) {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline passed before the batch ended"};
  }
  return {grpc::StatusCode::CANCELLED, "the caller gave the call up"};
}

void ClassifierCall::Answer(const grpc::Status& status) {
  serving_.metrics.Answered(rpc::CodeName(status.error_code()));
  Finish(status);
}

void ClassifierCall::OnDone() {
  const auto on_done = on_done_;
  self_.reset();  // this object may be gone now
  on_done();
}

}  // namespace smartbatch::classifier
