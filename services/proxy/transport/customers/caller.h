// What is known of a call besides its message.
#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "common/time.h"
#include "services/proxy/runtime/backend.h"

namespace smartbatch::transport {

inline constexpr char kCustomerKey[] = "x-customer-id";
// The name that the gateways of inference services use for the same.
inline constexpr char kCustomerAliasKey[] = "x-gateway-inference-fairness-id";
inline constexpr char kRequestIdKey[] = "x-request-id";
inline constexpr char kTraceParentKey[] = "traceparent";
inline constexpr char kDefaultCustomer[] = "default";

// The customer that the metadata names; `default` when it names none. When there are several names, or the name is not
// 1 to 64 letters, digits, `.`, `_` or `-`, answers INVALID_ARGUMENT and leaves `customer` as it was.
grpc::Status ReadCustomer(const grpc::ServerContextBase& context, std::string& customer);

// What the metadata says by which the call can be found again. A value that may not be passed on, because it is longer
// than 128 bytes or not of printable ASCII, is left out.
runtime::CallContext ReadCallContext(const grpc::ServerContextBase& context);

// The call's deadline on the proxy's own clock, whose time is `now`; kNever when the caller set none or one
// beyond what Time can say. Deadlines come on a clock of gRPC's: so this is asked once, when the call comes.
Time ReadDeadline(const grpc::ServerContextBase& context, Time now);

}  // namespace smartbatch::transport
