#include "services/classifier/service.h"

#include <memory>

#include "services/rpc/status_details.h"

namespace smartbatch::classifier {
namespace {

constexpr Duration kRetryWhenStopping = std::chrono::seconds(1);

}  // namespace

Service::Service(const Options& options, Metrics& metrics)
    : runner_(options.slots, options.max_waiting),
      serving_{options.limits, options.cost.Over({}), options.faults, metrics, runner_} {}

grpc::ServerUnaryReactor* Service::Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                            grpc::ByteBuffer* response) {
  {
    const MutexLock lock(mutex_);
    ++calls_;
  }
  const auto call = std::make_shared<Call>(serving_, *context, *response, [this] { CallEnded(); });
  if (refusing_) {
    call->Refuse(rpc::Unavailable("the classifier is stopping; try again or call another one", kRetryWhenStopping));
  } else {
    call->Start(*request, next_batch_number_++);
  }
  return call.get();
}

std::size_t Service::WaitForCalls(std::chrono::milliseconds timeout) {
  const MutexLock lock(mutex_);
  call_ended_.wait_for(mutex_, timeout, [this]() SMARTBATCH_REQUIRES(mutex_) { return calls_ == 0; });
  return calls_;
}

void Service::CallEnded() {
  const MutexLock lock(mutex_);
  --calls_;
  call_ended_.notify_all();  // under the lock: afterwards the service may be gone
}

}  // namespace smartbatch::classifier
