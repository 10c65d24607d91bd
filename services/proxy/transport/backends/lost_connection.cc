#include "services/proxy/transport/backends/lost_connection.h"

#include <algorithm>
#include <array>

#include <absl/strings/match.h>

namespace smartbatch::transport {
namespace {

// Texts of gRPC 1.51 that mean that the other side closed the connection, that the system reported an error on it, or
// that the other side no longer answered.
constexpr std::array kTexts = {"Socket closed", "Connection reset",           "Broken pipe",
                               "recvmsg",       "keepalive watchdog timeout", "Stream removed"};

}  // namespace

bool LostConnection(const grpc::Status& status, const std::string& peer) {
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return false;
  const bool had_connection = absl::StartsWith(peer, "ipv4:") || absl::StartsWith(peer, "ipv6:");
  // A status with details comes from a server.
  return had_connection && status.error_details().empty() &&
         std::any_of(kTexts.begin(), kTexts.end(),
                     [&](const char* text) { return absl::StrContains(status.error_message(), text); });
}

}  // namespace smartbatch::transport
