// Which certificates may call as which customer.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "common/mutex.h"

namespace smartbatch::transport {

// The rights to call as a customer. At first everybody may call as anybody. Thread safe.
class CustomerRights {
 public:
  struct Bindings {
    // By customer: the names (rpc::PeerNames) of which the caller's certificate must have one.
    std::map<std::string, std::set<std::string>> certificate_names;
    // If true, nobody may call as a customer that is not bound.
    bool only_bound = false;
  };

  // Replaces the bindings. Calls that were let in before go on.
  void Set(Bindings bindings);

  // OK, or PERMISSION_DENIED if the customer is bound and the caller's certificate has none of its names, or if only
  // bound customers may be called as.
  grpc::Status Check(const std::string& customer, const grpc::ServerContextBase& context) const;

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Bindings> bindings_ SMARTBATCH_GUARDED_BY(mutex_) = std::make_shared<Bindings>();
};

}  // namespace smartbatch::transport
