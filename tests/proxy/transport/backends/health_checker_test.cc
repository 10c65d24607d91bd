#include "services/proxy/transport/backends/health_checker.h"

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/tcp.hpp>

#include "common/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/rpc/tag.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::transport {
namespace {

using scheduling::HealthReport;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::Each;

std::shared_ptr<grpc::Channel> ChannelTo(int port) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments);
}

class AHealthCheck : public ::testing::Test {
 protected:
  ~AHealthCheck() override {
    if (server_) server_->Shutdown(std::chrono::system_clock::now());
    queue_.Shutdown();
  }

  // Serves on `port_`, without a health service of gRPC's own.
  void Serve(grpc::Service& service) {
    grpc::EnableDefaultHealthCheckService(false);
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  // What the first checks report, each on the channel that `connection` returns for it.
  std::vector<HealthReport> FirstReports(std::size_t count, const HealthChecker::Connection& connection) {
    const auto said = [&] {
      const MutexLock lock(mutex_);
      return reports_;
    };
    const auto checker = HealthChecker::Start(queue_, milliseconds(100), codec_.health(), connection,
                                              [&](HealthReport report, const absl::Status&) {
                                                const MutexLock lock(mutex_);
                                                reports_.push_back(report);
                                              });
    const auto deadline = steady_clock::now() + seconds(20);
    while (said().size() < count && steady_clock::now() < deadline) std::this_thread::sleep_for(milliseconds(1));
    checker->Stop();
    const std::vector<HealthReport> reports = said();
    EXPECT_GE(reports.size(), count);
    std::this_thread::sleep_for(milliseconds(250));
    EXPECT_EQ(said(), reports) << "a report came after Stop";
    return reports;
  }

  const protocol::classify::ClassifyBackendCodec codec_{5};
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  grpc::CompletionQueue queue_;
  std::jthread poller_{[this] { rpc::RunTags(queue_); }};
  Mutex mutex_;
  std::vector<HealthReport> reports_ SMARTBATCH_GUARDED_BY(mutex_);
};

TEST_F(AHealthCheck, OfAServerThatHasNoneSaysThatItServes) {
  classifier::v1::ClassifierService::Service service;
  Serve(service);
  const auto channel = ChannelTo(port_);
  EXPECT_THAT(FirstReports(3, [&] { return channel; }), Each(HealthReport::kServing));
}

// Never answers.
class SilentHealth final
    : public grpc::health::v1::Health::WithRawCallbackMethod_Check<grpc::health::v1::Health::Service> {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext*, const grpc::ByteBuffer*, grpc::ByteBuffer*) override {
    class UntilCancelled final : public grpc::ServerUnaryReactor {
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    return new UntilCancelled;  // gRPC owns it until OnDone
  }
};

TEST_F(AHealthCheck, WithoutAnAnswerSaysThatTheServerTakesTheConnectionsThatAreMadeMeanwhile) {
  SilentHealth health;
  Serve(health);
  EXPECT_THAT(FirstReports(3, [&] { return ChannelTo(port_); }), Each(HealthReport::kConnects));
}

TEST_F(AHealthCheck, WithoutAnAnswerOnAConnectionOfBeforeProvesNothing) {
  SilentHealth health;
  Serve(health);
  const auto channel = ChannelTo(port_);
  ASSERT_TRUE(channel->WaitForConnected(std::chrono::system_clock::now() + seconds(20)));
  EXPECT_THAT(FirstReports(3, [&] { return channel; }), Each(HealthReport::kNoAnswer));
}

// As a process that is stopped: the system takes its connections, and nobody sends anything.
TEST_F(AHealthCheck, OfAServerWhoseConnectionsAreTakenByTheSystemAloneHasNoAnswer) {
  boost::asio::io_context io;
  const boost::asio::ip::tcp::acceptor acceptor(io, {boost::asio::ip::address_v4::loopback(), 0});
  const int port = acceptor.local_endpoint().port();
  EXPECT_THAT(FirstReports(3, [&] { return ChannelTo(port); }), Each(HealthReport::kNoAnswer));
}

}  // namespace
}  // namespace smartbatch::transport
