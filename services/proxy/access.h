// Who may call the proxy, and how: from the configuration to what the servers are given.
#pragma once

#include <absl/status/statusor.h>

#include "services/proxy/config/config.h"
#include "services/proxy/transport/backends/backend_client.h"
#include "services/proxy/transport/customers/customer_rights.h"
#include "services/proxy/transport/operators/operator_rights.h"
#include "services/rpc/listener.h"

namespace smartbatch::proxy {

struct Access {
  rpc::ListenerOptions customers;
  rpc::ListenerOptions operators;
  transport::BackendClientOptions backends;
  transport::OperatorRights operator_rights;
};

// INVALID_ARGUMENT names the file that cannot be used. Warns in the log of a token that goes over the network in the
// clear.
absl::StatusOr<Access> AccessOf(const Config& config);

transport::CustomerRights::Bindings BindingsOf(const Config& config);

}  // namespace smartbatch::proxy
