// What is known of a call besides its message.
#pragma once

#include <string>

#include <absl/status/statusor.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "common/time.h"

namespace smartbatch::transport {

inline constexpr char kCustomerKey[] = "x-customer-id";
// The name that the gateways of inference services use for the same.
inline constexpr char kCustomerAliasKey[] = "x-gateway-inference-fairness-id";
inline constexpr char kDefaultCustomer[] = "default";

// The customer that the metadata names; `default` where it names none. Otherwise, where the name is not 1 to 64
// letters, digits, `.`, `_` or `-`, answers INVALID_ARGUMENT and leaves `customer` as it was.
grpc::Status ReadCustomer(const grpc::ServerContextBase& context, std::string& customer);

// The first value of the key; empty where there is none.
std::string ReadMetadata(const grpc::ServerContextBase& context, const char* key);

// The call's deadline on the proxy's own clock, whose time is `now`; kNever where the caller set none. Deadlines come
// as wall-clock time, which may be set: so this is asked once, when the call comes.
Time ReadDeadline(const grpc::ServerContextBase& context, Time now);

}  // namespace smartbatch::transport
