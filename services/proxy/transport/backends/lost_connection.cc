#include "services/proxy/transport/backends/lost_connection.h"

#include <algorithm>
#include <array>

#include <absl/strings/match.h>

namespace smartbatch::transport {
namespace {

// Of gRPC 1.51: the other side closed the connection, the system reported an error on it, or it no longer answered.
constexpr std::array kTexts = {"Socket closed", "Connection reset",           "Broken pipe",
                               "recvmsg",       "keepalive watchdog timeout", "Stream removed"};

}  // namespace

bool LostConnection(const grpc::Status& status, const std::string& peer) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return false;
  const bool had_connection = absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:");
  // A status with details is a server's.
  return had_connection && status.error_details().empty() &&
         std::any_of(kTexts.begin(), kTexts.end(),
                     [&](const char* text) { return absl::StrContains(status.error_message(), text); });
}

}  // namespace smartbatch::transport
