#include "services/proxy/transport/caller.h"

#include <algorithm>
#include <cctype>
#include <chrono>

#include "common/program/logging.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

constexpr std::size_t kLongestName = 64;

constexpr std::size_t kLongestPassedOn = 128;

// gRPC ends the program that sends anything else in a header.
bool IsPrintable(char character) { return character >= ' ' && character <= '~'; }

bool IsNameCharacter(char character) {
  return std::isalnum(static_cast<unsigned char>(character)) != 0 || character == '.' || character == '_' ||
         character == '-';
}

}  // namespace

grpc::Status ReadCustomer(const grpc::ServerContextBase& context, std::string& customer) {
  const auto& metadata = context.client_metadata();
  const char* key = kCustomerKey;
  auto found = metadata.find(key);
  if (found == metadata.end()) {
    key = kCustomerAliasKey;
    found = metadata.find(key);
  }
  if (found == metadata.end()) {
    customer = kDefaultCustomer;
    return grpc::Status::OK;
  }
  const grpc::string_ref name = found->second;
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

Time ReadDeadline(const grpc::ServerContextBase& context, Time now) {
  using WallClock = std::chrono::system_clock;
  const WallClock::time_point deadline = context.deadline();
  if (deadline == WallClock::time_point::max()) return kNever;
  const WallClock::time_point wall_now = WallClock::now();
  if (deadline <= wall_now) return now;
  return Later(now, std::chrono::duration_cast<Duration>(deadline - wall_now));
}

}  // namespace smartbatch::transport
