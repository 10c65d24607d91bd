#include "services/proxy/transport/customers/inference_stream.h"

#include <utility>
#include <vector>

#include "services/proxy/transport/customers/caller.h"
#include "services/proxy/transport/customers/inference_calls.h"
#include "services/proxy/transport/customers/proxy_call.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/scratch_message.h"

namespace smartbatch::transport {

void InferenceStream::Start() {
  grpc::Status status = ReadCustomer(call_.context(), customer_);
  if (status.ok()) status = parts_.customer_rights.Check(customer_, call_.context());
  const MutexLock lock(mutex_);
  if (status.ok()) return Proceed();
  finished_ = true;
  call_.Finish(status);
}

void InferenceStream::Proceed() {
  if (finished_) return;
  if (!writing_ && !replies_.empty()) {
    writing_ = true;
    call_.StartWrite(replies_.front());
  }
  if (!reading_ && !no_more_requests_ && pending_.size() + replies_.size() < kMostAtOnce) {
    reading_ = true;
    call_.StartRead(&request_);
  }
  if (no_more_requests_ && pending_.empty() && replies_.empty()) {
    finished_ = true;
    call_.Finish(grpc::Status::OK);
  }
}

void InferenceStream::OnReadDone(bool ok) {
  if (!ok) {
    const MutexLock lock(mutex_);
    reading_ = false;
    no_more_requests_ = true;
    return Proceed();
  }
  parts_.observer.CallStarted();
  inference::ModelInferRequest message;
  runtime::Submission request;
  grpc::Status status = protocol::open_inference::CheckWeight(request_);
  if (status.ok()) status = rpc::ParseMessage(request_, message);
  request_.Clear();
  std::string id = status.ok() ? message.id() : std::string();
  if (status.ok()) status = parts_.codec.Read(std::move(message), request.payload);
  if (status.ok()) {
    Submit(std::move(request), std::move(id));
  } else {
    parts_.observer.CallHandled(status.error_code(), Duration::zero());
    ReplyError(id, status);
  }
  const MutexLock lock(mutex_);
  reading_ = false;
  Proceed();
}

void InferenceStream::Submit(runtime::Submission request, std::string id) {
  const Time now = parts_.clock.Now();
  request.customer = customer_;
  request.deadline = ReadDeadline(call_.context(), now, request.payload->timeout());
  request.context = ReadCallContext(call_.context());
  request.held_bytes = HeldBytes(*request.payload);
  runtime::Dispatcher& dispatcher = parts_.models.Find(request.payload->model())->dispatcher;
  // NOLINTNEXTLINE(modernize-make-shared): clang 14 makes no aggregate so
  const std::shared_ptr<Pending> pending(new Pending{.dispatcher = dispatcher, .id = std::move(id), .came = now});
  PendingList::iterator place;
  {
    const MutexLock lock(mutex_);
    place = pending_.insert(pending_.end(), pending);
  }
  dispatcher.Submit(std::move(request), pending->ticket,
                    runtime::Reply([self = shared_from_this(), place](absl::StatusOr<runtime::Ending> ending) {
                      self->Ended(place, std::move(ending));
                    }));
}

void InferenceStream::Ended(PendingList::iterator place, absl::StatusOr<runtime::Ending> ending) {
  std::shared_ptr<Pending> pending;
  {
    const MutexLock lock(mutex_);
    pending = *place;  // it stays in the list until its reply is ready
  }
  grpc::Status status = ending.ok() ? StatusOf(*ending) : FromAbsl(ending.status());
  if (status.ok()) {
    rpc::ScratchMessage<inference::ModelStreamInferResponse> message;
    inference::ModelInferResponse& response = *message->mutable_infer_response();
    status = FromAbsl(parts_.codec.Answer(*ending->payload, ending->results, response));
    if (status.ok()) {
      (*response.mutable_parameters())["triton_final_response"].set_bool_param(true);
      Reply(rpc::SerializeMessage(*message));
    }
  }
  if (!status.ok()) ReplyError(pending->id, status);
  parts_.observer.CallHandled(status.error_code(), parts_.clock.Now() - pending->came);
  const MutexLock lock(mutex_);
  pending_.erase(place);
  Proceed();
}

void InferenceStream::ReplyError(const std::string& id, const grpc::Status& status) {
  inference::ModelStreamInferResponse message;
  message.set_error_message(status.error_message());
  message.mutable_infer_response()->set_id(id);
  Reply(rpc::SerializeMessage(message));
}

void InferenceStream::Reply(grpc::ByteBuffer message) {
  const MutexLock lock(mutex_);
  if (!finished_) replies_.push_back(std::move(message));
}

void InferenceStream::OnWriteDone(bool ok) {
  const MutexLock lock(mutex_);
  writing_ = false;
  replies_.pop_front();
  if (!ok) replies_.clear();  // the caller has gone
  Proceed();
}

void InferenceStream::OnCancel() {
  std::vector<std::shared_ptr<Pending>> pending;
  {
    const MutexLock lock(mutex_);
    pending.assign(pending_.begin(), pending_.end());
  }
  for (const auto& request : pending) request->dispatcher.Cancel(request->ticket);
}

}  // namespace smartbatch::transport
