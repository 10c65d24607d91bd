// Calls of methods that a port does not serve.
#pragma once

#include <string>

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>

#include "common/mutex.h"
#include "services/rpc/open_calls.h"

namespace smartbatch::transport {

// Answers UNIMPLEMENTED, and says what the port serves, or where the other service is.
// Use: RegisterWith a builder, start the server, Serve() once, shut the server down, destroy it before the server and
// while the queue is still worked off. Not thread safe but for SetAddress.
class Elsewhere {
 public:
  // The full names of the service of this port and of the one of the other, and what that port is called.
  Elsewhere(std::string here, std::string there, std::string port)
      : here_(std::move(here)), there_(std::move(there)), port_(std::move(port)) {}
  ~Elsewhere() { open_calls_.WaitForNone(); }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder) { builder.RegisterAsyncGenericService(&methods_); }
  void Serve(grpc::ServerCompletionQueue& queue);

  // host:port of the other one, once it is known.
  void SetAddress(std::string address) SMARTBATCH_EXCLUDES(mutex_);

 private:
  class Call;

  std::string Explain(const std::string& method) const SMARTBATCH_EXCLUDES(mutex_);

  const std::string here_;
  const std::string there_;
  const std::string port_;
  grpc::AsyncGenericService methods_;
  grpc::ServerCompletionQueue* queue_ = nullptr;
  rpc::OpenCalls open_calls_;
  mutable Mutex mutex_;
  std::string address_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::transport
