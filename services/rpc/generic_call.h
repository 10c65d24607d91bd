// Calls of any method, byte for byte, served from a completion queue.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "services/rpc/open_calls.h"
#include "services/rpc/tag.h"

namespace smartbatch::rpc {

// Serves one call. The threads of the queue call its functions; those for a read, for a write and for the caller's end
// may be called at the same time.
class CallHandler {
 public:
  virtual ~CallHandler() = default;

  // Called once, before all others.
  virtual void Start() = 0;
  // The read begun with StartRead has ended; `ok` is false if the caller sends nothing more.
  virtual void OnReadDone(bool /*ok*/) {}
  // The write begun with StartWrite has ended; `ok` is false if the caller has gone.
  virtual void OnWriteDone(bool /*ok*/) {}
  // The caller gave the call up, or its connection was lost. The call must be finished nevertheless.
  virtual void OnCancel() {}
};

// The call as its handler sees it. Requires: at most one read and one write at a time; Finish or WriteAndFinish once,
// while neither is under way; no use of the call after that. Thread safe within these rules.
class GenericCall {
 public:
  virtual ~GenericCall() = default;

  virtual grpc::GenericServerContext& context() = 0;
  // `message` must live until OnReadDone.
  virtual void StartRead(grpc::ByteBuffer* message) = 0;
  virtual void StartWrite(const grpc::ByteBuffer& message) = 0;
  virtual void Finish(const grpc::Status& status) = 0;
  // Sends a last message and the status OK.
  virtual void WriteAndFinish(const grpc::ByteBuffer& message) = 0;
};

// A handler that ends its call at once, with that status.
std::shared_ptr<CallHandler> Refuse(GenericCall& call, grpc::Status status);

// A service for the calls of all methods that no other service of the server serves.
// Use: RegisterWith a builder, start the server, Serve() once, shut the server down, destroy the service before the
// server and while the threads of the queue still run. Not thread safe.
class GenericService {
 public:
  // Returns the handler that serves a call, chosen by its method and its metadata; never null. Called by the threads of
  // the queue, perhaps by several at once. The call holds a share of its handler until it is finished.
  using Choose = std::function<std::shared_ptr<CallHandler>(GenericCall& call)>;

  explicit GenericService(Choose choose) : choose_(std::move(choose)) {}
  ~GenericService() { open_calls_.WaitForNone(); }
  GenericService(const GenericService&) = delete;
  GenericService& operator=(const GenericService&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder) { builder.RegisterAsyncGenericService(&methods_); }
  void Serve(grpc::ServerCompletionQueue& queue);

 private:
  class Call;

  const Choose choose_;
  grpc::AsyncGenericService methods_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  OpenCalls open_calls_;
};

}  // namespace smartbatch::rpc
