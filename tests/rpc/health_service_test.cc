#include "services/rpc/health_service.h"

#include <future>
#include <memory>

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include "tests/rpc/asked_server.h"

namespace smartbatch::rpc {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

constexpr char kService[] = "a.Service";

// A server with health on a queue that any number of threads serve.
class HealthServiceTest : public ::testing::Test {
 protected:
  HealthServiceTest() { EXPECT_TRUE(started_); }

  HealthService& health() { return listener_.health(); }
  static HealthCheckRequest Asking(const std::string& service) {
    HealthCheckRequest request;
    request.set_service(service);
    return request;
  }
  grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    return stub_->Check(&context, Asking(service), &response);
  }
  HealthCheckResponse::ServingStatus Said(const std::string& service) {
    HealthCheckResponse response;
    const grpc::Status status = Check(service, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.status();
  }

  // A call of Watch.
  class Watch {
   public:
    Watch(HealthServiceTest& test, const std::string& service)
        : reader_(test.stub_->Watch(&context_, Asking(service))) {}
    ~Watch() {
      context_.TryCancel();
      EXPECT_EQ(reader_->Finish().error_code(), grpc::StatusCode::CANCELLED);
    }
    HealthCheckResponse::ServingStatus Next() {
      HealthCheckResponse response;
      EXPECT_TRUE(reader_->Read(&response));
      return response.status();
    }

   private:
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader_;
  };

  CallQueue queue_{3};
  Listener listener_{"127.0.0.1:0", queue_};
  const bool started_ = listener_.Start().ok();
  std::shared_ptr<grpc::Channel> channel_ = testing::ChannelTo(listener_.address(), grpc::InsecureChannelCredentials());
  std::unique_ptr<Health::Stub> stub_ = Health::NewStub(channel_);
};

TEST_F(HealthServiceTest, SaysOfEachServiceWhatItWasTold) {
  EXPECT_EQ(Said(""), HealthCheckResponse::SERVING);
  health().SetServing(kService, true);
  EXPECT_EQ(Said(kService), HealthCheckResponse::SERVING);
  health().SetServing(kService, false);
  EXPECT_EQ(Said(kService), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Said(""), HealthCheckResponse::SERVING);
}

TEST_F(HealthServiceTest, AServiceThatIsUnknownIsNotFound) {
  HealthCheckResponse response;
  EXPECT_EQ(Check("no.Service", response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(HealthServiceTest, OnceItStopsNothingServesEverAgain) {
  health().SetServing(kService, true);
  health().StopServing();
  health().SetServing(kService, true);
  EXPECT_EQ(Said(kService), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(Said(""), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, BytesThatAreNotARequestAreTheCallersFault) {
  grpc::GenericStub stub(channel_);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice slice("\x0A\x7F");  // a text that is cut off
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer response;
  grpc::Status status;
  const auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(HealthServiceTest, AWatchIsToldWhatIsAndEachChangeOfItsOwnService) {
  health().SetServing(kService, true);
  Watch watch(*this, kService);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  health().SetServing("another.Service", false);
  health().SetServing(kService, true);  // unchanged: nothing to tell
  health().SetServing(kService, false);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  health().SetServing(kService, true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  health().StopServing();
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, AWatchOfAnUnknownServiceIsToldSoUntilThereIsOne) {
  Watch watch(*this, kService);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
  health().SetServing(kService, true);
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
}

TEST_F(HealthServiceTest, WatchesThatComeAndGoWhileTheStatusChangesAreAllToldTheLast) {
  std::jthread changes([this](const std::stop_token& stop) {
    for (bool serving = false; !stop.stop_requested(); serving = !serving) health().SetServing(kService, serving);
  });
  std::vector<std::future<void>> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.push_back(std::async(std::launch::async, [this] {
      for (int i = 0; i < 50; ++i) Watch(*this, kService).Next();
    }));
  }
  for (auto& caller : callers) caller.get();
  Watch last(*this, kService);
  changes.request_stop();
  changes.join();
  health().StopServing();
  health().SetServing(kService, true);
  auto said = last.Next();
  for (int i = 0; said != HealthCheckResponse::NOT_SERVING || Said(kService) != said; ++i) {
    ASSERT_LT(i, 1'000'000);
    said = last.Next();
  }
}

TEST_F(HealthServiceTest, AWatchThatIsOpenDoesNotHoldTheServerUp) {
  auto context = std::make_unique<grpc::ClientContext>();
  const auto reader = stub_->Watch(context.get(), Asking(""));
  HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  const auto start = std::chrono::steady_clock::now();
  listener_.ShutDown();
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

}  // namespace
}  // namespace smartbatch::rpc
