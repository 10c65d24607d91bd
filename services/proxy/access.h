// Who may call the proxy, and how: turns the configuration into the options of servers and clients.
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

// Reads the files that the configuration names. Logs a warning if a token goes over the network unencrypted.
// Errors: INVALID_ARGUMENT, which names the file that cannot be used.
absl::StatusOr<Access> AccessOf(const Config& config);

transport::CustomerRights::Bindings BindingsOf(const Config& config);

}  // namespace smartbatch::proxy
