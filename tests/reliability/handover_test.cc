// One process takes over from another on the same ports, under load: nobody is refused and no call is lost.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/scale.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::system_clock;
using Ready = std::map<std::string, std::string>;
using proxy::v1::ProxyService;

const Flags kQuick = {"--cost-quadratic", "0", "--cost-fixed", "0.002"};
constexpr seconds kPatience{20};

// How often: SMARTBATCH_TEST_RESTARTS, 200 for the full test.
std::size_t Restarts() { return Scale("SMARTBATCH_TEST_RESTARTS", 20, 10); }

// A channel with no settings except for a connection of its own.
std::shared_ptr<grpc::Channel> PlainChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// Callers that call without pause: some on a connection that each keeps, some on one that they share, and one that
// makes a new connection for each call.
class Callers {
 public:
  explicit Callers(const std::string& address) {
    constexpr int kOfEachKind = 4;
    const auto shared = PlainChannelTo(address);
    for (int i = 0; i < kOfEachKind; ++i) {
      threads_.emplace_back([this, address] { Keep(PlainChannelTo(address), "kept"); });
      threads_.emplace_back([this, shared] { Keep(shared, "shared"); });
    }
    threads_.emplace_back([this, address] { Renew(address); });
  }

  // Stops the callers and returns a line for each kind of call that was not answered; empty if all were.
  std::string Failures() {
    stop_ = true;
    threads_.clear();
    std::string text;
    for (const auto& [failure, count] : failures_) text += std::to_string(count) + " x " + failure + "\n";
    return text;
  }
  // Returns true if `more` further calls are answered within the patience.
  bool GetAnswers(std::size_t more) {
    const std::size_t enough = answered_ + more;
    const auto end = system_clock::now() + kPatience;
    while (answered_ < enough && system_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
    return answered_ >= enough;
  }

 private:
  void Keep(const std::shared_ptr<grpc::Channel>& channel, const std::string& kind) {
    const auto stub = ProxyService::NewStub(channel);
    while (!stop_) Call(*stub, kind);
  }
  void Renew(const std::string& address) {
    while (!stop_) Call(*ProxyService::NewStub(PlainChannelTo(address)), "new");
  }
  void Call(ProxyService::Stub& stub, const std::string& kind) {
    grpc::ClientContext context;
    context.AddMetadata("x-customer-id", kind);
    context.set_deadline(system_clock::now() + kPatience);
    proxy::v1::ProxyClassifyRequest request;
    request.add_sequences("def foo(): pass");
    proxy::v1::ProxyClassifyResponse response;
    const grpc::Status status = stub.ProxyClassify(&context, request, &response);
    if (status.ok() && response.results_size() == 1) {
      ++answered_;
      return;
    }
    const std::lock_guard lock(mutex_);
    ++failures_[kind + " connection: " + std::to_string(status.error_code()) + " " + status.error_message()];
  }

  std::atomic<bool> stop_ = false;
  std::atomic<std::size_t> answered_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> failures_;
  std::vector<std::jthread> threads_;
};

Flags Joined(const Flags& first, const Flags& second) {
  Flags all = first;
  all.insert(all.end(), second.begin(), second.end());
  return all;
}

// A program that has printed where it listens.
struct Running {
  explicit Running(Process started) : process(std::move(started)) {
    const auto said = process.WaitUntilReady();
    if (!said) throw std::runtime_error("it did not start");
    ready = *said;
  }
  void ExpectEnd() {
    process.Signal(SIGTERM);
    EXPECT_EQ(process.Wait(kPatience), 0);
  }

  Process process;
  Ready ready;
};

Flags ProxyFlags(const std::string& classifier, const Ready& at) {
  return {"--backend",        classifier,       "--listen",    at.at("listen"), "--admin-listen",  at.at("admin"),
          "--metrics-listen", at.at("metrics"), "--log-level", "error",         "--drain-seconds", "10"};
}
const Ready kAnywhere = {{"listen", "127.0.0.1:0"}, {"admin", "127.0.0.1:0"}, {"metrics", "127.0.0.1:0"}};

Process SharingProxy(const std::string& classifier, const Ready& at) {
  return Process("smartbatch-proxy", Joined(ProxyFlags(classifier, at), {"--share-ports"}));
}

std::uint32_t ProcessId(const std::string& admin) {
  grpc::ClientContext context;
  context.set_deadline(system_clock::now() + kPatience);
  proxy::v1::GetStatusResponse response;
  const auto status = proxy::v1::AdminService::NewStub(PlainChannelTo(admin))->GetStatus(&context, {}, &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.process_id();
}

TEST(SharedPorts, RestartsOfTheProxyUnderLoadRefuseAndLoseNoCall) {
  ClassifierProcess classifier(kQuick);
  Running proxy(SharingProxy(classifier.address(), kAnywhere));
  Callers callers(proxy.ready.at("listen"));
  for (std::size_t i = 0; i < Restarts(); ++i) {
    ASSERT_TRUE(callers.GetAnswers(50)) << callers.Failures();
    Running next(SharingProxy(classifier.address(), proxy.ready));
    proxy.ExpectEnd();
    EXPECT_EQ(ProcessId(next.ready.at("admin")), static_cast<std::uint32_t>(next.process.pid()));
    proxy = std::move(next);
  }
  EXPECT_EQ(callers.Failures(), "");
}

TEST(SharedPorts, RestartsOfAClassifierUnderLoadFailNoCall) {
  const auto start = [](const std::string& listen, const std::string& metrics) {
    return Running(Process(
        "smartbatch-classifier",
        Joined(kQuick, {"--share-ports", "--listen", listen, "--metrics-listen", metrics, "--log-level", "error"})));
  };
  Running classifier = start("127.0.0.1:0", "127.0.0.1:0");
  ProxyProcess proxy(classifier.ready.at("listen"));
  Callers callers(proxy.address());
  for (std::size_t i = 0; i < Restarts(); ++i) {
    ASSERT_TRUE(callers.GetAnswers(50)) << callers.Failures();
    Running next = start(classifier.ready.at("listen"), classifier.ready.at("metrics"));
    classifier.ExpectEnd();
    classifier = std::move(next);
  }
  EXPECT_EQ(callers.Failures(), "");
}

// The control: the callers do notice a restart.
TEST(PortsThatAreNotShared, RefuseWhileTheProxyRestarts) {
  ClassifierProcess classifier(kQuick);
  Running proxy(Process("smartbatch-proxy", ProxyFlags(classifier.address(), kAnywhere)));
  Callers callers(proxy.ready.at("listen"));
  ASSERT_TRUE(callers.GetAnswers(50)) << callers.Failures();
  proxy.ExpectEnd();
  std::this_thread::sleep_for(milliseconds(200));
  const Running next(Process("smartbatch-proxy", ProxyFlags(classifier.address(), proxy.ready)));
  EXPECT_NE(callers.Failures(), "");
}

TEST(SharedPorts, TheOldProcessAnswersWhatItHasAndSaysNotServingTheNewOneSaysServing) {
  ClassifierProcess classifier({"--cost-quadratic", "0", "--cost-fixed", "2"});
  Running old(SharingProxy(classifier.address(), kAnywhere));
  const auto channel = PlainChannelTo(old.ready.at("listen"));
  const auto health = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext watching;
  watching.set_deadline(system_clock::now() + kPatience);
  const auto watch = health->Watch(&watching, {});
  grpc::health::v1::HealthCheckResponse said;
  ASSERT_TRUE(watch->Read(&said));
  EXPECT_EQ(said.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  grpc::Status long_call(grpc::StatusCode::UNKNOWN, "not yet");
  std::jthread caller([&] {
    grpc::ClientContext context;
    context.set_deadline(system_clock::now() + kPatience);
    proxy::v1::ProxyClassifyRequest request;
    request.add_sequences("def foo(): pass");
    proxy::v1::ProxyClassifyResponse response;
    long_call = ProxyService::NewStub(channel)->ProxyClassify(&context, request, &response);
  });
  std::this_thread::sleep_for(milliseconds(300));

  const Running next(SharingProxy(classifier.address(), old.ready));
  old.process.Signal(SIGTERM);
  ASSERT_TRUE(watch->Read(&said));
  EXPECT_EQ(said.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  grpc::ClientContext asking;
  asking.set_deadline(system_clock::now() + kPatience);
  const auto other = grpc::health::v1::Health::NewStub(PlainChannelTo(next.ready.at("listen")));
  EXPECT_TRUE(other->Check(&asking, {}, &said).ok());
  EXPECT_EQ(said.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  caller.join();
  EXPECT_TRUE(long_call.ok()) << long_call.error_message();
  EXPECT_EQ(old.process.Wait(kPatience), 0);
}

// --- Sockets that a service manager has opened ---

class Socket {
 public:
  Socket() {
    const int opened = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    // Inherited by started programs; away from the descriptor numbers at which they expect it.
    descriptor_ = fcntl(opened, F_DUPFD, 100);
    close(opened);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    if (bind(descriptor_, any, size) != 0 || listen(descriptor_, SOMAXCONN) != 0 ||
        getsockname(descriptor_, any, &size) != 0) {
      throw std::runtime_error("no socket");
    }
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  }
  ~Socket() { close(descriptor_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  std::string descriptor() const { return std::to_string(descriptor_); }
  const std::string& address() const { return address_; }

 private:
  int descriptor_ = -1;
  std::string address_;
};

struct Sockets {
  Socket data;
  Socket admin;
  Socket metrics;
  Ready addresses() const {
    return {{"listen", data.address()}, {"admin", admin.address()}, {"metrics", metrics.address()}};
  }
};

// Starts the program with these sockets in the way that sd_listen_fds(3) expects.
Process Activated(const std::string& program, const Flags& descriptors, const Flags& flags) {
  Flags arguments = {"-c",
                     "count=$1; shift; for ((n = 3; n < 3 + count; n++)); do eval \"exec $n<&$1\"; shift; done; "
                     "export LISTEN_FDS=$count LISTEN_PID=$$; exec \"$@\"",
                     "bash", std::to_string(descriptors.size())};
  arguments = Joined(arguments, descriptors);
  arguments.push_back(std::string(SMARTBATCH_BIN_DIR) + "/" + program);
  return Process("/bin/bash", Joined(arguments, flags));
}

Process ActivatedProxy(const std::string& classifier, const Sockets& sockets) {
  return Activated("smartbatch-proxy",
                   {sockets.metrics.descriptor(), sockets.data.descriptor(), sockets.admin.descriptor()},
                   ProxyFlags(classifier, sockets.addresses()));
}

TEST(SocketsOfTheServiceManager, KeepCallersWaitingWhileTheProxyRestartsAndRefuseNone) {
  ClassifierProcess classifier(kQuick);
  const Sockets sockets;
  std::optional<Running> proxy(ActivatedProxy(classifier.address(), sockets));
  EXPECT_EQ(proxy->ready, sockets.addresses());
  Callers callers(sockets.data.address());
  for (std::size_t i = 0; i < Restarts(); ++i) {
    ASSERT_TRUE(callers.GetAnswers(50)) << callers.Failures();
    proxy->ExpectEnd();
    proxy.emplace(ActivatedProxy(classifier.address(), sockets));
    EXPECT_EQ(ProcessId(sockets.admin.address()), static_cast<std::uint32_t>(proxy->process.pid()));
  }
  EXPECT_EQ(callers.Failures(), "");
}

TEST(SocketsOfTheServiceManager, ServeTheClassifierToo) {
  const Socket data;
  const Socket metrics;
  const auto start = [&] {
    return Running(Activated(
        "smartbatch-classifier", {data.descriptor(), metrics.descriptor()},
        Joined(kQuick, {"--listen", data.address(), "--metrics-listen", metrics.address(), "--log-level", "error"})));
  };
  std::optional<Running> classifier(start());
  ProxyProcess proxy(data.address());
  Callers callers(proxy.address());
  for (std::size_t i = 0; i < Restarts(); ++i) {
    ASSERT_TRUE(callers.GetAnswers(50)) << callers.Failures();
    classifier->ExpectEnd();
    classifier.emplace(start());
  }
  EXPECT_EQ(callers.Failures(), "");
}

TEST(SocketsOfTheServiceManager, ThatNoSettingNamesAreAnError) {
  const Sockets sockets;
  const Socket stranger;
  Process proxy = Activated("smartbatch-proxy", {sockets.data.descriptor(), stranger.descriptor()},
                            ProxyFlags("127.0.0.1:1", sockets.addresses()));
  EXPECT_EQ(proxy.Wait(kPatience), 2);
}

}  // namespace
}  // namespace smartbatch::testing
