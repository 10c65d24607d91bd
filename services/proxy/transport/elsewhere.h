// Calls of methods that a port does not serve.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/server_builder.h>

#include "common/mutex.h"
#include "services/rpc/generic_call.h"

namespace smartbatch::transport {

// Answers calls of methods that a port does not serve: lets others serve them, or answers UNIMPLEMENTED and says what
// the port serves, or where the other service is. Use: RegisterWith a builder, start the server, Serve() once, shut the
// server down, destroy it before the server and while the threads of the queue still run. Not thread safe, except
// SetAddress.
class Elsewhere {
 public:
  // `here` and `there` are the full names of the services of this port and of the other port; `port` is what the other
  // port is called.
  Elsewhere(std::string here, std::string there, std::string port)
      : here_(std::move(here)), there_(std::move(there)), port_(std::move(port)) {}
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  void RegisterWith(grpc::ServerBuilder& builder) { methods_.RegisterWith(builder); }
  void Serve(grpc::ServerCompletionQueue& queue) { methods_.Serve(queue); }

  // Returns the handler for a call that this port's service does not serve; null if nobody serves it.
  using Others = std::function<std::shared_ptr<rpc::CallHandler>(rpc::GenericCall& call)>;
  // `others` is asked first. Call it before the server starts.
  void SetOthers(Others others) { others_ = std::move(others); }

  // Sets host:port of the other port, once it is known.
  void SetAddress(std::string address) SMARTBATCH_EXCLUDES(mutex_);

 private:
  std::shared_ptr<rpc::CallHandler> Choose(rpc::GenericCall& call) const;
  std::string Explain(const std::string& method) const SMARTBATCH_EXCLUDES(mutex_);

  Others others_;
  const std::string here_;
  const std::string there_;
  const std::string port_;
  mutable Mutex mutex_;
  std::string address_ SMARTBATCH_GUARDED_BY(mutex_);
  rpc::GenericService methods_{[this](rpc::GenericCall& call) { return Choose(call); }};  // waits for its calls
};

}  // namespace smartbatch::transport
