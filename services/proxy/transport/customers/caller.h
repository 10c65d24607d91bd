// What a call says besides its message: its customer, its ids and its deadline.
#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "common/time.h"
#include "services/proxy/runtime/backend_link.h"

namespace smartbatch::transport {

inline constexpr char kCustomerKey[] = "x-customer-id";
// The key that the gateways of inference services use for the same.
inline constexpr char kCustomerAliasKey[] = "x-gateway-inference-fairness-id";
inline constexpr char kRequestIdKey[] = "x-request-id";
inline constexpr char kTraceParentKey[] = "traceparent";
inline constexpr char kDefaultCustomer[] = "default";

// Sets `customer` to the customer that the metadata names, or to `default` if it names none. If there are several
// names, or the name is not 1 to 64 letters, digits, `.`, `_` or `-`, returns INVALID_ARGUMENT and leaves `customer` as
// it was.
grpc::Status ReadCustomer(const grpc::ServerContextBase& context, std::string& customer);

// The ids in the metadata by which the call can be traced. A value that must not be passed on, because it is longer
// than 128 bytes or not printable ASCII, is left out.
runtime::CallContext ReadCallContext(const grpc::ServerContextBase& context);

// The request's deadline on the proxy's own clock, whose time is `now`: the call's, or `timeout` from now if that is
// earlier. kNever if there is neither, or if it is too far away for Time. Deadlines come on one of gRPC's clocks, so
// ask for it only once, when the request has come.
Time ReadDeadline(const grpc::ServerContextBase& context, Time now, Duration timeout);

}  // namespace smartbatch::transport
