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

// Thread safe. As it is made everybody may call as anybody.
class CustomerRights {
 public:
  struct Bindings {
    // By customer: the names (rpc::PeerNames) of which a certificate must bear one.
    std::map<std::string, std::set<std::string>> certificate_names;
    // Nobody may call as a customer who is not bound.
    bool only_bound = false;
  };

  // Calls that were let in before go on.
  void Set(Bindings bindings);

  // OK, or PERMISSION_DENIED where the caller's certificate is not one that the customer is bound to.
  grpc::Status Check(const std::string& customer, const grpc::ServerContextBase& context) const;

 private:
  mutable Mutex mutex_;
  std::shared_ptr<const Bindings> bindings_ SMARTBATCH_GUARDED_BY(mutex_) = std::make_shared<Bindings>();
};

}  // namespace smartbatch::transport
