// Calls of methods that a port does not serve.
#pragma once

#include <string>

#include <grpcpp/generic/async_generic_service.h>

#include "common/mutex.h"

namespace smartbatch::transport {

// Answers UNIMPLEMENTED, and says what the port serves, or where the other service is. Register it with a server
// builder. Thread safe.
class Elsewhere final : public grpc::CallbackGenericService {
 public:
  // The full names of the service of this port and of the one of the other, and what that port is called.
  Elsewhere(std::string here, std::string there, std::string port)
      : here_(std::move(here)), there_(std::move(there)), port_(std::move(port)) {}

  // host:port of the other one, once it is known.
  void SetAddress(std::string address) SMARTBATCH_EXCLUDES(mutex_);

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext* context) override;

 private:
  std::string Explain(const std::string& method) const SMARTBATCH_EXCLUDES(mutex_);

  const std::string here_;
  const std::string there_;
  const std::string port_;
  mutable Mutex mutex_;
  std::string address_ SMARTBATCH_GUARDED_BY(mutex_);
};

}  // namespace smartbatch::transport
