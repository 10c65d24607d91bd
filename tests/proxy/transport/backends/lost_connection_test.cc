// Which failed calls may have crashed their backend.
#include "services/proxy/transport/backends/lost_connection.h"

#include <gtest/gtest.h>

namespace smartbatch::transport {
namespace {

constexpr char kAddress[] = "ipv4:127.0.0.1:50061";

grpc::Status Unavailable(const std::string& text, const std::string& details = "") {
  return {grpc::StatusCode::UNAVAILABLE, text, details};
}

// The texts are those of gRPC 1.51 for a backend that is killed, resets the connection, or is not there.
TEST(ALostConnection, IsToldByThePeerAndTheLibrarysOwnText) {
  EXPECT_TRUE(LostConnection(Unavailable("Socket closed"), kAddress));
  EXPECT_TRUE(LostConnection(Unavailable("recvmsg:Connection reset by peer"), "ipv6:[::1]:50061"));
  EXPECT_TRUE(LostConnection(Unavailable("keepalive watchdog timeout"), kAddress));
}

TEST(ALostConnection, IsNotOneThatNeverWas) {
  EXPECT_FALSE(LostConnection(Unavailable("failed to connect to all addresses; last error: UNKNOWN: "
                                          "ipv4:127.0.0.1:50061: recvmsg:Connection reset by peer"),
                              "127.0.0.1:50061"));
  EXPECT_FALSE(LostConnection(Unavailable("Socket closed"), ""));
}

TEST(ALostConnection, IsNotWhatTheBackendItselfHasSaid) {
  EXPECT_FALSE(LostConnection(Unavailable("the model is being loaded"), kAddress));
  EXPECT_FALSE(LostConnection(Unavailable("Socket closed by the model", "details"), kAddress));
  EXPECT_FALSE(LostConnection(Unavailable("GOAWAY received"), kAddress));
  EXPECT_FALSE(LostConnection({grpc::StatusCode::INTERNAL, "Socket closed"}, kAddress));
}

}  // namespace
}  // namespace smartbatch::transport
