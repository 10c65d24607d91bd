#include "services/classifier/intake.h"

#include <optional>
#include <utility>

#include "services/rpc/status_details.h"

namespace smartbatch::classifier {
namespace {

constexpr Duration kRetryWhenStopping = std::chrono::seconds(1);

}  // namespace

Intake::Intake(const Options& options, const Engine& engine, Metrics& metrics)
    : runner_(options.slots, options.max_waiting),
      serving_{engine, options.ModelledCost(), options.faults, metrics, runner_} {}

grpc::ServerUnaryReactor* Intake::Take(std::unique_ptr<Exchange> exchange, const grpc::CallbackServerContext& context,
                                       const grpc::ByteBuffer& request, grpc::ByteBuffer& response) {
  {
    const MutexLock lock(mutex_);
    ++calls_;
  }
  const auto call =
      std::make_shared<ClassifierCall>(serving_, std::move(exchange), context, response, [this] { CallEnded(); });
  if (refusing_) {
    call->Refuse(rpc::Unavailable("the classifier is stopping; try again or call another one", kRetryWhenStopping));
  } else {
    call->Start(request, next_batch_number_++);
  }
  return call.get();
}

std::size_t Intake::WaitForCalls(std::chrono::milliseconds timeout) {
  const MutexLock lock(mutex_);
  call_ended_.wait_for(mutex_, timeout, [this]() SMARTBATCH_REQUIRES(mutex_) { return calls_ == 0; });
  return calls_;
}

void Intake::CallEnded() {
  const MutexLock lock(mutex_);
  --calls_;
  call_ended_.notify_all();  // under the lock: afterwards the intake may be gone
}

}  // namespace smartbatch::classifier
