// Listening: on which addresses, on which not, and what happens to connections.
#include "services/net/tcp_listener.h"

#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace smartbatch::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using ::testing::HasSubstr;

std::string At(const std::string& host, int port) { return host + ":" + std::to_string(port); }

TEST(TcpListener, HandsOnEveryConnectionThatWaitedAndThatComes) {
  asio::io_context io;
  TcpListener listener(io);
  ASSERT_TRUE(listener.Listen("127.0.0.1:0").ok());
  const tcp::endpoint endpoint(asio::ip::address_v4::loopback(), listener.port());
  std::vector<tcp::socket> callers;
  std::vector<tcp::socket> accepted;
  const auto call = [&] {
    callers.emplace_back(io);
    callers.back().connect(endpoint);
  };
  call();
  listener.Accept(
      [&](tcp::socket socket) {
        accepted.push_back(std::move(socket));
        if (accepted.size() < 3) return call();
        listener.Close();
      },
      [](const std::string& error) { ADD_FAILURE() << error; });
  io.run();
  EXPECT_EQ(accepted.size(), 3U);
  error_code error;
  tcp::socket late(io);
  late.connect(endpoint, error);
  EXPECT_EQ(error, asio::error::connection_refused);
}

TEST(TcpListener, ListensWithOnePortOnEveryAddressOfAName) {
  asio::io_context io;
  TcpListener listener(io);
  ASSERT_TRUE(listener.Listen("localhost:0").ok());
  int connected = 0;
  for (const auto& entry : tcp::resolver(io).resolve("localhost", std::to_string(listener.port()))) {
    error_code error;
    tcp::acceptor probe(io);
    probe.open(entry.endpoint().protocol(), error);
    if (!error) probe.bind(tcp::endpoint(entry.endpoint().address(), 0), error);
    if (error) continue;  // not an address that this machine has
    tcp::socket caller(io);
    caller.connect(entry.endpoint(), error);
    EXPECT_FALSE(error) << entry.endpoint() << ": " << error.message();
    ++connected;
  }
  EXPECT_GT(connected, 0);
}

TEST(TcpListener, NamesTheAddressThatIsTakenAndTheOneThatIsNotOfThisMachine) {
  asio::io_context io;
  TcpListener first(io);
  ASSERT_TRUE(first.Listen("127.0.0.1:0").ok());
  TcpListener second(io);
  const absl::Status taken = second.Listen(At("127.0.0.1", first.port()));
  EXPECT_EQ(taken.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(taken.message()), HasSubstr(At("127.0.0.1", first.port())));
  TcpListener third(io);
  EXPECT_EQ(third.Listen("192.0.2.1:0").code(), absl::StatusCode::kUnavailable);
}

}  // namespace
}  // namespace smartbatch::net
