// A method with one message as its request and one as its answer, served from a completion queue.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/status.h>

#include "services/rpc/open_calls.h"
#include "services/rpc/tag.h"

namespace smartbatch::rpc {

// Serves one method. Use: construct it, start the server, Serve() once, shut the server down, destroy the method before
// the server and while the queue is still served. `answer` must be thread safe if several threads serve the queue.
template <class Request, class Response>
class UnaryMethod {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  // Asks gRPC for the next call: Request<Method> of the generated services.
  using Await = std::function<void(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                   grpc::ServerCompletionQueue*, void* tag)>;
  // The answer is sent if the status is OK.
  using Answer = std::function<grpc::Status(const grpc::ServerContext&, const Request&, Response&)>;
  // Has another thread do work that takes too long for the threads of the queue.
  using Hand = std::function<void(std::function<void()> work)>;

  // Without `hand` the threads of the queue answer.
  UnaryMethod(Await await, Answer answer, Hand hand = {})
      : await_(std::move(await)), answer_(std::move(answer)), hand_(std::move(hand)) {}
  ~UnaryMethod() { WaitForCalls(); }
  UnaryMethod(const UnaryMethod&) = delete;
  UnaryMethod& operator=(const UnaryMethod&) = delete;

  void Serve(grpc::ServerCompletionQueue& queue) {
    queue_ = &queue;
    Call::Await(*this);
  }
  // Requires: the server has been shut down. Returns when no call is left.
  void WaitForCalls() { open_calls_.WaitForNone(); }

 private:
  // One call, which owns itself. It deletes itself when it has been answered, or if the server stops before a caller
  // comes.
  class Call {
   public:
    static void Await(UnaryMethod& method) {
      std::unique_ptr<Call> owned(new Call(method));
      Call& call = *owned;
      call.self_ = std::move(owned);
      method.await_(&call.context_, &call.request_, &call.writer_, method.queue_, method.queue_, &call.accepted_);
    }

   private:
    explicit Call(UnaryMethod& method) : method_(method) { method_.open_calls_.Enter(); }

    void OnAccepted(bool ok) {
      if (!ok) return Leave();  // the server has stopped
      Await(method_);
      if (!method_.hand_) return Finish();
      method_.hand_([this] { Finish(); });
    }
    void Finish() {
      Response response;
      const grpc::Status status = method_.answer_(context_, request_, response);
      status.ok() ? writer_.Finish(response, status, &finished_) : writer_.FinishWithError(status, &finished_);
    }
    void OnFinished(bool /*false if the caller had gone*/) { Leave(); }
    void Leave() {
      OpenCalls& open_calls = method_.open_calls_;
      std::exchange(self_, nullptr).reset();  // deletes this
      open_calls.Leave();
    }

    UnaryMethod& method_;
    std::unique_ptr<Call> self_;
    grpc::ServerContext context_;
    Request request_;
    Writer writer_{&context_};
    MemberTag<Call, &Call::OnAccepted> accepted_{*this};
    MemberTag<Call, &Call::OnFinished> finished_{*this};
  };

  const Await await_;
  const Answer answer_;
  const Hand hand_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  OpenCalls open_calls_;
};

}  // namespace smartbatch::rpc
