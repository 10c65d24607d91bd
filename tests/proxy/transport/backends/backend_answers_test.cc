// Answers of a backend that are damaged, wrong or too large, through real sockets.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/proxy/transport/backends/backend_answer.h"
#include "services/proxy/transport/backends/backend_client.h"
#include "services/proxy/transport/backends/health_checker.h"
#include "services/rpc/tag.h"
#include "tests/proxy/scripted_backend.h"
#include "tests/support/raw_classifier.h"

namespace smartbatch::transport {
namespace {

using classifier::v1::ClassifyRequest;
using runtime::BatchResults;
using testing::RawClassifier;
using testing::RightAnswerTo;

class BackendAnswers : public ::testing::Test {
 protected:
  ~BackendAnswers() override {
    queue_.Shutdown();
    poller_.join();
  }

  using Future = std::future<absl::StatusOr<BatchResults>>;

  static Future Send(BackendClient& client, const std::vector<std::string>& texts) {
    static std::atomic<scheduling::BatchId> batches = 0;
    runtime::OutgoingBatch batch{.id = ++batches, .rows = {}, .contexts = {}, .timeout = std::chrono::seconds(20)};
    const auto payload = testing::PayloadOf(texts);
    for (std::uint32_t row = 0; row < texts.size(); ++row) batch.rows.push_back({payload, row});
    auto promise = std::make_unique<std::promise<absl::StatusOr<BatchResults>>>();
    Future future = promise->get_future();
    client.Send(batch, runtime::BatchReply([promise = std::move(promise)](absl::StatusOr<BatchResults> results) {
                  promise->set_value(std::move(results));
                }));
    return future;
  }
  // The outcome of a batch of these texts at a backend that gives this answer.
  absl::StatusOr<BatchResults> Ask(RawClassifier::Answer answer, const std::vector<std::string>& texts = {"a", "b"}) {
    const RawClassifier backend(std::move(answer));
    BackendClient client(backend.address(), codec_, queue_);
    return Send(client, texts).get();
  }
  absl::StatusOr<BatchResults> AskForMessage(const std::function<std::string(const ClassifyRequest&)>& message) {
    return Ask([&](const ClassifyRequest& request) { return RawClassifier::Reply{.message = message(request)}; });
  }
  absl::StatusOr<BatchResults> AskForConfidence(double confidence) {
    return AskForMessage([confidence](const ClassifyRequest& request) {
      return RightAnswerTo(request, confidence).SerializeAsString();
    });
  }

  const protocol::classify::ClassifyBackendCodec codec_{5};
  grpc::CompletionQueue queue_;
  std::jthread poller_{[this] { rpc::RunTags(queue_); }};
};

TEST_F(BackendAnswers, ThatAreRightAreDelivered) {
  const auto results =
      AskForMessage([](const ClassifyRequest& request) { return RightAnswerTo(request).SerializeAsString(); });
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2U);
  EXPECT_EQ(protocol::classify::ClassificationOf((*results)[1]).label, "right-b");
}

TEST_F(BackendAnswers, ThatAreCutByAnyNumberOfBytesAreInternalErrors) {
  const std::size_t size = [] {
    ClassifyRequest request;
    request.add_sequences("a");
    request.add_sequences("b");
    return RightAnswerTo(request).ByteSizeLong();
  }();
  for (std::size_t cut = 1; cut <= size; ++cut) {
    const auto results = AskForMessage([cut](const ClassifyRequest& request) {
      std::string bytes = RightAnswerTo(request).SerializeAsString();
      bytes.resize(bytes.size() - cut);
      return bytes;
    });
    EXPECT_TRUE(absl::IsInternal(results.status())) << cut << " bytes cut: " << results.status();
  }
}

TEST_F(BackendAnswers, ThatAreGarbageAreInternalErrors) {
  for (const std::string& garbage : {std::string(40, '\xff'), std::string(40, '\0'), std::string("<html>502</html>")}) {
    const auto results = AskForMessage([&](const ClassifyRequest&) { return garbage; });
    EXPECT_TRUE(absl::IsInternal(results.status())) << results.status();
  }
}

TEST_F(BackendAnswers, WhoseLabelIsNotUtf8AreInternalErrors) {
  const auto results = AskForMessage([](const ClassifyRequest& request) {
    std::string bytes = RightAnswerTo(request).SerializeAsString();
    bytes.at(bytes.find("right-b")) = '\xff';
    return bytes;
  });
  EXPECT_TRUE(absl::IsInternal(results.status())) << results.status();
}

TEST_F(BackendAnswers, WhoseConfidenceIsNotFromZeroToOneAreInternalErrors) {
  for (const double confidence : {-0.001, 1.001, 1e300, std::numeric_limits<double>::quiet_NaN(),
                                  std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    const auto results = AskForConfidence(confidence);
    EXPECT_TRUE(absl::IsInternal(results.status())) << confidence << ": " << results.status();
  }
  EXPECT_TRUE(AskForConfidence(0).ok());
  EXPECT_TRUE(AskForConfidence(1).ok());
}

TEST_F(BackendAnswers, WithoutALabelAreInternalErrors) {
  const auto results = AskForMessage([](const ClassifyRequest& request) {
    classifier::v1::ClassifyResponse response = RightAnswerTo(request);
    response.mutable_results(1)->clear_label();
    return response.SerializeAsString();
  });
  EXPECT_TRUE(absl::IsInternal(results.status())) << results.status();
}

TEST_F(BackendAnswers, WithOneResultTooFewOrTooManyAreInternalErrors) {
  for (const int difference : {-2, -1, 1}) {
    const auto results = AskForMessage([difference](const ClassifyRequest& request) {
      ClassifyRequest other = request;
      if (difference > 0) other.add_sequences("more");
      for (int i = 0; i > difference; --i) other.mutable_sequences()->RemoveLast();
      return RightAnswerTo(other).SerializeAsString();
    });
    EXPECT_TRUE(absl::IsInternal(results.status())) << difference << ": " << results.status();
  }
}

TEST_F(BackendAnswers, LargerThanABatchMayAnswerAreInternalErrors) {
  constexpr std::size_t kLimit = 4 * 1024 * 1024;
  const auto answer_of = [this](std::size_t label_size) {
    return AskForMessage([label_size](const ClassifyRequest& request) {
      classifier::v1::ClassifyResponse response = RightAnswerTo(request);
      response.mutable_results(0)->set_label(std::string(label_size, 'x'));
      return response.SerializeAsString();
    });
  };
  EXPECT_TRUE(answer_of(kLimit - 1000).ok());
  const auto results = answer_of(kLimit);
  EXPECT_TRUE(absl::IsInternal(results.status())) << results.status();
  EXPECT_THAT(std::string(results.status().message()), ::testing::HasSubstr("too large"));
}

TEST(TheLargestReply, GrowsWithTheLargestBatch) {
  EXPECT_EQ(protocol::classify::ClassifyBackendCodec(1).max_answer_bytes(), 4 * 1024 * 1024);
  EXPECT_EQ(protocol::classify::ClassifyBackendCodec(1024).max_answer_bytes(), 16 * 1024 * 1024);
}

RawClassifier::Answer WithMetadata(RawClassifier::Reply reply) {
  return [reply = std::move(reply)](const ClassifyRequest& request) {
    RawClassifier::Reply with_message = reply;
    with_message.message = RightAnswerTo(request).SerializeAsString();
    return with_message;
  };
}

TEST_F(BackendAnswers, WithALongErrorTextKeepTheirCodeAndABoundedText) {
  for (const std::size_t size : {10'000U, 500'000U}) {
    const absl::Status status =
        Ask(WithMetadata({.message = {}, .status = {grpc::StatusCode::DATA_LOSS, std::string(size, 'x')}})).status();
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_LT(status.message().size(), 1100U);
  }
}

TEST_F(BackendAnswers, WithMoreMetadataThanGrpcTakesByDefaultAreDelivered) {
  const std::string large(500'000, 'x');
  EXPECT_TRUE(Ask(WithMetadata({.message = {}, .initial_metadata = {{"x", large}}})).ok());
  EXPECT_TRUE(Ask(WithMetadata({.message = {}, .trailing_metadata = {{"x", large}}})).ok());
}

TEST_F(BackendAnswers, WithTooMuchMetadataAreInternalErrors) {
  const std::string large(kMaxReplyMetadataBytes, 'x');
  for (const RawClassifier::Reply& reply : {RawClassifier::Reply{.message = {}, .initial_metadata = {{"x", large}}},
                                            {.message = {}, .trailing_metadata = {{"x", large}}},
                                            {.message = {}, .status = {grpc::StatusCode::DATA_LOSS, large}},
                                            {.message = {}, .status = {grpc::StatusCode::DATA_LOSS, "", large}}}) {
    const absl::Status status = Ask(WithMetadata(reply)).status();
    EXPECT_TRUE(absl::IsInternal(status)) << status;
    EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("too large"));
  }
}

TEST_F(BackendAnswers, WithMuchMetadataHarmNoOtherBatchOnTheConnection) {
  const std::string large(500'000, 'x');
  std::promise<void> let_go;
  const std::shared_future<void> released = let_go.get_future().share();
  std::atomic<bool> waits = false;
  const RawClassifier backend([&](const ClassifyRequest& request) {
    RawClassifier::Reply reply{.message = RightAnswerTo(request).SerializeAsString()};
    if (request.sequences(0) == "large") reply.trailing_metadata = {{"x", large}};
    if (request.sequences(0) == "waits") {
      waits = true;
      released.wait();
    }
    return reply;
  });
  BackendClient client(backend.address(), codec_, queue_);
  Future waiting = Send(client, {"waits"});
  while (!waits) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_TRUE(Send(client, {"large"}).get().ok());
  EXPECT_TRUE(Send(client, {"small"}).get().ok());
  let_go.set_value();
  const auto results = waiting.get();
  EXPECT_TRUE(results.ok()) << results.status();
}

TEST_F(BackendAnswers, ThatAreReallyShortOfSomethingRemainResourceExhausted) {
  for (const char* const text : {"", "the queue is full", "larger batches are refused: 5 is the maximum"}) {
    const absl::Status status =
        Ask(WithMetadata({.message = {}, .status = {grpc::StatusCode::RESOURCE_EXHAUSTED, text}})).status();
    EXPECT_EQ(status, absl::ResourceExhaustedError(text));
  }
}

// Says SERVING in its first bytes, and then something that cannot be parsed.
class DamagedHealth final
    : public grpc::health::v1::Health::WithRawCallbackMethod_Check<grpc::health::v1::Health::Service> {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                  grpc::ByteBuffer* response) override {
    const grpc::Slice bytes(std::string("\x08\x01\x12\xff", 4));
    *response = grpc::ByteBuffer(&bytes, 1);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

TEST_F(BackendAnswers, ToAHealthCheckThatAreDamagedAreNoAnswers) {
  int port = 0;
  DamagedHealth health;
  grpc::EnableDefaultHealthCheckService(false);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&health);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const auto channel = grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  std::promise<scheduling::HealthReport> said;
  std::atomic<bool> has_said = false;
  const auto checker = HealthChecker::Start(
      queue_, std::chrono::seconds(5), codec_.health(), [&] { return channel; },
      [&](scheduling::HealthReport report, const absl::Status&) {
        if (!has_said.exchange(true)) said.set_value(report);
      });
  EXPECT_EQ(said.get_future().get(), scheduling::HealthReport::kNoAnswer);
  checker->Stop();
}

}  // namespace
}  // namespace smartbatch::transport
