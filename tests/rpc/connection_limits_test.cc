// Each limit of a connection, beside the same without the limit.
#include "services/rpc/connection_limits.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <future>
#include <iterator>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include "tests/rpc/asked_server.h"

namespace smartbatch::rpc {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::Ask;
using testing::AskedServer;

std::shared_ptr<grpc::Channel> Connect(const AskedServer& server, const grpc::ChannelArguments& arguments = {}) {
  return testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials(), "", arguments);
}

grpc::Status Yes(const grpc::ServerContext&) { return grpc::Status::OK; }

// Answers after that time.
AskedServer::Answer After(milliseconds time) {
  return [time](const grpc::ServerContext&) {
    std::this_thread::sleep_for(time);
    return grpc::Status::OK;
  };
}

TEST(ConnectionLimits, ACallWithMoreMetadataIsRefused) {
  const AskedServer server(Yes, {.limits = {.max_metadata_bytes = 4096}});
  const auto channel = Connect(server);
  EXPECT_TRUE(Ask(channel, {{"x-filler", std::string(3000, 'x')}}).ok());
  EXPECT_EQ(Ask(channel, {{"x-filler", std::string(5000, 'x')}}).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  const grpc::Status other = Ask(Connect(server));
  EXPECT_TRUE(other.ok()) << other.error_message();
}

// The ports that calls of a second and more came from.
std::set<std::string> ConnectionsOfASecond(const ConnectionLimits& limits) {
  std::mutex mutex;
  std::set<std::string> peers;
  const AskedServer server(
      [&](const grpc::ServerContext& context) {
        const std::lock_guard lock(mutex);
        peers.insert(context.peer());
        return grpc::Status::OK;
      },
      {.limits = limits});
  const auto channel = Connect(server);
  const auto end = steady_clock::now() + milliseconds(1200);
  while (steady_clock::now() < end) {
    const grpc::Status status = Ask(channel);
    EXPECT_TRUE(status.ok()) << status.error_message();
    std::this_thread::sleep_for(milliseconds(1));
  }
  return peers;
}

// A call may choose the old connection at the moment when it is told to close: gRPC sends the call again by itself, as
// long as the client leaves gRPC's retries on.
TEST(ConnectionLimits, AnOldConnectionIsReplacedAndNoCallFails) {
  EXPECT_EQ(ConnectionsOfASecond({}).size(), 1U);
  EXPECT_GT(ConnectionsOfASecond({.max_age = milliseconds(200)}).size(), 2U);
}

TEST(ConnectionLimits, AnOpenCallOutlivesTheAgeButNotTheGrace) {
  const AskedServer patient(After(milliseconds(600)), {.limits = {.max_age = milliseconds(100)}});
  EXPECT_TRUE(Ask(Connect(patient)).ok());
  const AskedServer hasty(After(milliseconds(1500)),
                          {.limits = {.max_age = milliseconds(100), .max_age_grace = milliseconds(100)}});
  EXPECT_EQ(Ask(Connect(hasty)).error_code(), grpc::StatusCode::UNAVAILABLE);
}

bool StaysReady(const ConnectionLimits& limits) {
  const AskedServer server(Yes, {.limits = limits});
  const auto channel = Connect(server);
  EXPECT_TRUE(Ask(channel).ok());
  std::this_thread::sleep_for(milliseconds(700));
  return channel->GetState(false) == GRPC_CHANNEL_READY;
}

TEST(ConnectionLimits, AnIdleConnectionIsClosed) {
  EXPECT_TRUE(StaysReady({}));
  EXPECT_FALSE(StaysReady({.max_idle = milliseconds(100)}));
}

// The most calls of one connection that were open at once.
int MostCallsAtOnce(const ConnectionLimits& limits) {
  std::atomic<int> open = 0;
  std::atomic<int> most = 0;
  const AskedServer server(
      [&](const grpc::ServerContext&) {
        const int now = ++open;
        for (int before = most; before < now && !most.compare_exchange_weak(before, now);) {
        }
        std::this_thread::sleep_for(milliseconds(100));
        --open;
        return grpc::Status::OK;
      },
      {.limits = limits});
  const auto channel = Connect(server);
  EXPECT_TRUE(Ask(channel).ok());
  std::vector<std::future<grpc::Status>> calls;
  for (int i = 0; i < 6; ++i) calls.push_back(std::async(std::launch::async, [&] { return Ask(channel); }));
  for (auto& call : calls) EXPECT_TRUE(call.get().ok());
  return most;
}

TEST(ConnectionLimits, MoreCallsOnOneConnectionWait) {
  EXPECT_GT(MostCallsAtOnce({}), 2);
  EXPECT_LE(MostCallsAtOnce({.max_concurrent_calls = 2}), 2);
}

std::size_t Threads() {
  const std::filesystem::directory_iterator tasks("/proc/self/task");
  return static_cast<std::size_t>(std::distance(begin(tasks), end(tasks)));
}

TEST(ConnectionLimits, CallsOfReflectionThatStayOpenTakeNoThread) {
  constexpr std::size_t kCalls = 90;
  const AskedServer server(Yes);
  const auto channel = Connect(server);
  EXPECT_TRUE(Ask(channel).ok());
  const std::size_t before = Threads();
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  std::list<grpc::ClientContext> contexts;
  std::list<std::unique_ptr<grpc::GenericClientAsyncReaderWriter>> calls;
  for (std::size_t i = 0; i < kCalls; ++i) {
    calls.push_back(stub.PrepareCall(&contexts.emplace_back(),
                                     "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue));
    calls.back()->StartCall(nullptr);
  }
  std::this_thread::sleep_for(milliseconds(500));
  EXPECT_LT(Threads(), before + 10);  // the client's threads included
  for (grpc::ClientContext& context : contexts) context.TryCancel();
  queue.Shutdown();
  void* tag = nullptr;
  for (bool ok = false; queue.Next(&tag, &ok);) {
  }
}

// A client's socket, connected to the server.
class Connection {
 public:
  explicit Connection(const AskedServer& server) {
    const int port = std::stoi(server.address().substr(server.address().rfind(':') + 1));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    EXPECT_EQ(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  ~Connection() { close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void Say(const std::string& said) {
    EXPECT_EQ(send(socket_, said.data(), said.size(), MSG_NOSIGNAL), static_cast<ssize_t>(said.size()));
  }
  // Returns true if the server closes it within this time.
  bool IsClosedWithin(milliseconds time) {
    const auto end = steady_clock::now() + time;
    do {
      pollfd waiting{socket_, POLLIN, 0};
      std::array<char, 4096> answers{};
      if (poll(&waiting, 1, 10) == 1 && recv(socket_, answers.data(), answers.size(), 0) <= 0) return true;
    } while (steady_clock::now() < end);
    return false;
  }

 private:
  const int socket_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

// Returns true if the server closes a connection on which only these bytes were sent within a second and a half.
bool ClosesAfter(const std::string& said, const ConnectionLimits& limits = {}) {
  const AskedServer server(Yes, {.limits = limits});
  Connection connection(server);
  connection.Say(said);
  return connection.IsClosedWithin(milliseconds(1500));
}

TEST(ConnectionLimits, AConnectionThatSaysNothingIsClosed) {
  EXPECT_FALSE(ClosesAfter(""));
  EXPECT_TRUE(ClosesAfter("", {.handshake_timeout = milliseconds(200)}));
}

// The beginning of an HTTP/2 connection, and `count` pings.
std::string Pings(int count) {
  const std::string settings("\x00\x00\x00\x04\x00\x00\x00\x00\x00", 9);
  const std::string ping("\x00\x00\x08\x06\x00\x00\x00\x00\x00pingping", 17);
  std::string said = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings;
  for (int i = 0; i < count; ++i) said += ping;
  return said;
}

TEST(ConnectionLimits, AClientThatPingsWithoutEndIsSentAway) {
  EXPECT_FALSE(ClosesAfter(Pings(2)));
  EXPECT_TRUE(ClosesAfter(Pings(20)));
}

TEST(ConnectionLimits, ConnectionsBeyondTheMostAreClosedAndThereIsRoomAgainWhenOthersEnd) {
  const AskedServer server(Yes, {.limits = {.max_connections = 3}});
  std::list<Connection> three;
  for (int i = 0; i < 3; ++i) three.emplace_back(server);
  EXPECT_TRUE(Connection(server).IsClosedWithin(seconds(5)));
  EXPECT_EQ(Ask(Connect(server)).error_code(), grpc::StatusCode::UNAVAILABLE);
  for (Connection& connection : three) EXPECT_FALSE(connection.IsClosedWithin(milliseconds(100)));
  three.pop_back();
  // The server takes a moment to see the end of it.
  const auto deadline = steady_clock::now() + seconds(10);
  while (!Ask(Connect(server)).ok()) ASSERT_LT(steady_clock::now(), deadline);
}

// How many of `connections` connections the server closes.
int ClosedOf(int connections) {
  const AskedServer server(Yes);
  std::list<Connection> open;
  for (int i = 0; i < connections; ++i) open.emplace_back(server);
  EXPECT_TRUE(Ask(Connect(server)).ok() || connections > 10);
  std::this_thread::sleep_for(milliseconds(300));
  const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_NE(file, -1) << "connections have taken the last descriptors";
  close(file);
  return static_cast<int>(
      std::count_if(open.begin(), open.end(), [](Connection& connection) { return connection.IsClosedWithin({}); }));
}

TEST(ConnectionLimits, ConnectionsLeaveSomeDescriptorsToOthers) {
  const int next = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  close(next);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(next) + 256;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  // Each connection takes two descriptors here, since client and server are one process.
  EXPECT_EQ(ClosedOf(10), 0);
  EXPECT_GT(ClosedOf(110), 0);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace smartbatch::rpc
