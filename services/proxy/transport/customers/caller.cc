#include "services/proxy/transport/customers/caller.h"

#include <algorithm>
#include <cctype>
#include <iterator>
#include <optional>

#include "common/program/logging.h"
#include "services/rpc/status_details.h"
#include "services/rpc/time_left.h"

namespace smartbatch::transport {
namespace {

constexpr std::size_t kLongestName = 64;

constexpr std::size_t kLongestPassedOn = 128;

// gRPC aborts a program that sends any other character in a header.
bool IsPrintable(char character) { return character >= ' ' && character <= '~'; }

bool IsNameCharacter(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '.' || character == '_' ||
         character == '-';
}

}  // namespace

grpc::Status ReadCustomer(const grpc::ServerContextBase& context, std::string& customer) {
  const auto [own, own_end] = context.client_metadata().equal_range(kCustomerKey);
  const auto [alias, alias_end] = context.client_metadata().equal_range(kCustomerAliasKey);
  const bool has_own = own != own_end;
  const bool has_alias = alias != alias_end;
  if (!has_own && !has_alias) {
    customer = kDefaultCustomer;
    return grpc::Status::OK;
  }
  const char* const key = has_own ? kCustomerKey : kCustomerAliasKey;
  // A caller who adds a second name to a gateway's must not be able to choose which of them counts.
  const bool several = (has_own && std::next(own) != own_end) || (has_alias && std::next(alias) != alias_end);
  if (several || (has_own && has_alias && own->second != alias->second)) {
    return rpc::InvalidArgument(key, std::string("the call names its customer more than once; send one ") +
                                         kCustomerKey + " or one " + kCustomerAliasKey +
                                         ", or both with the same name");
  }
  const grpc::string_ref name = has_own ? own->second : alias->second;
  if (name.empty() || name.size() > kLongestName || !std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    const std::string shown(name.data(), std::min(name.size(), kLongestName));
    return rpc::InvalidArgument(key, "the customer's name " + program::Quoted(shown) + " has " +
                                         std::to_string(name.size()) +
                                         " bytes; give 1 to 64 of letters, digits, '.', '_' and '-'");
  }
  customer.assign(name.data(), name.size());
  return grpc::Status::OK;
}

runtime::CallContext ReadCallContext(const grpc::ServerContextBase& context) {
  const auto value_of = [&context](const char* key) {
    const auto found = context.client_metadata().find(key);
    if (found == context.client_metadata().end()) return std::string();
    const grpc::string_ref value = found->second;
    if (value.size() > kLongestPassedOn || !std::all_of(value.begin(), value.end(), IsPrintable)) return std::string();
    return std::string(value.data(), value.size());
  };
  return {value_of(kRequestIdKey), value_of(kTraceParentKey)};
}

Time ReadDeadline(const grpc::ServerContextBase& context, Time now, Duration timeout) {
  const std::optional<Duration> left = rpc::TimeLeft(context);
  const Time of_the_call = left ? Later(now, *left) : kNever;
  return timeout == Duration::max() ? of_the_call : std::min(of_the_call, Later(now, timeout));
}

}  // namespace smartbatch::transport
