#include "services/rpc/generic_call.h"

#include <atomic>
#include <utility>

namespace smartbatch::rpc {
namespace {

class Refusal final : public CallHandler {
 public:
  Refusal(GenericCall& call, grpc::Status status) : call_(call), status_(std::move(status)) {}
  void Start() override { call_.Finish(status_); }

 private:
  GenericCall& call_;
  const grpc::Status status_;
};

}  // namespace

std::shared_ptr<CallHandler> Refuse(GenericCall& call, grpc::Status status) {
  return std::make_shared<Refusal>(call, std::move(status));
}

// A call that owns itself. It deletes itself if the server stops before a caller comes. Otherwise it does so once it is
// finished and gRPC has reported its end, which may happen in either order.
class GenericService::Call final : public GenericCall {
 public:
  static void Await(GenericService& service) {
    std::unique_ptr<Call> owned(new Call(service));
    Call& call = *owned;
    call.self_ = std::move(owned);
    call.context_.AsyncNotifyWhenDone(&call.ended_);
    service.methods_.RequestCall(&call.context_, &call.stream_, service.queue_, service.queue_, &call.accepted_);
  }

  grpc::GenericServerContext& context() override { return context_; }
  void StartRead(grpc::ByteBuffer* message) override { stream_.Read(message, &read_); }
  void StartWrite(const grpc::ByteBuffer& message) override { stream_.Write(message, &written_); }
  void Finish(const grpc::Status& status) override { stream_.Finish(status, &finished_); }
  void WriteAndFinish(const grpc::ByteBuffer& message) override {
    stream_.WriteAndFinish(message, grpc::WriteOptions(), grpc::Status::OK, &finished_);
  }

 private:
  explicit Call(GenericService& service) : service_(service) { service_.open_calls_.Enter(); }

  void OnAccepted(bool ok) {
    if (!ok) return Leave();  // the server has stopped; gRPC does not report the end of such a call
    Await(service_);
    handler_ = service_.choose_(*this);
    handler_->Start();
    StartedOrEnded();
  }
  // The handler may finish the call, and another thread may then delete it. So a copy keeps the handler alive until it
  // returns.
  void OnReadDone(bool ok) { std::shared_ptr(handler_)->OnReadDone(ok); }
  void OnWriteDone(bool ok) { std::shared_ptr(handler_)->OnWriteDone(ok); }
  void OnEnded(bool /*always true*/) { StartedOrEnded(); }
  void OnFinished(bool /*false if the caller had gone*/) { Release(); }

  // gRPC may report the end to another thread before the handler has started. Whichever happens second tells the
  // handler.
  void StartedOrEnded() {
    if (started_and_ended_.fetch_add(1) == 0) return;
    if (context_.IsCancelled()) handler_->OnCancel();
    Release();
  }
  void Release() {
    if (holds_.fetch_sub(1) == 1) Leave();
  }
  void Leave() {
    OpenCalls& open_calls = service_.open_calls_;
    std::exchange(self_, nullptr).reset();  // deletes this
    open_calls.Leave();
  }

  GenericService& service_;
  std::unique_ptr<Call> self_;
  std::shared_ptr<CallHandler> handler_;
  std::atomic<int> started_and_ended_ = 0;
  std::atomic<int> holds_ = 2;  // one until the handler knows of the end, one until the call is finished
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  MemberTag<Call, &Call::OnAccepted> accepted_{*this};
  MemberTag<Call, &Call::OnReadDone> read_{*this};
  MemberTag<Call, &Call::OnWriteDone> written_{*this};
  MemberTag<Call, &Call::OnEnded> ended_{*this};
  MemberTag<Call, &Call::OnFinished> finished_{*this};
};

void GenericService::Serve(grpc::ServerCompletionQueue& queue) {
  queue_ = &queue;
  Call::Await(*this);
}

}  // namespace smartbatch::rpc
