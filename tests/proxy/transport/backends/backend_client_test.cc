#include "services/proxy/transport/backends/backend_client.h"

#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/rpc/tag.h"
#include "tests/proxy/scripted_backend.h"
#include "tests/proxy/transport/backends/scripted_classifier.h"

namespace smartbatch::transport {
namespace {

using protocol::classify::ClassificationOf;
using runtime::BatchResults;
using std::chrono::milliseconds;
using testing::ScriptedClassifier;

class BackendClientTest : public ::testing::Test {
 protected:
  ~BackendClientTest() override {
    queue_.Shutdown();
    poller_.join();
  }

  std::future<absl::StatusOr<BatchResults>> Send(BackendClient& client, scheduling::BatchId id,
                                                 const std::vector<std::string>& texts,
                                                 Duration timeout = std::chrono::seconds(20),
                                                 std::vector<runtime::CallContext> contexts = {}) {
    runtime::OutgoingBatch batch{.id = id, .rows = {}, .contexts = std::move(contexts), .timeout = timeout};
    const auto payload = testing::PayloadOf(texts);
    for (std::uint32_t row = 0; row < texts.size(); ++row) batch.rows.push_back({payload, row});
    auto promise = std::make_unique<std::promise<absl::StatusOr<BatchResults>>>();
    auto future = promise->get_future();
    client.Send(batch, runtime::BatchReply([promise = std::move(promise)](absl::StatusOr<BatchResults> results) {
                  promise->set_value(std::move(results));
                }));
    return future;
  }

  const protocol::classify::ClassifyBackendCodec codec_{5};
  grpc::CompletionQueue queue_;
  std::jthread poller_{[this] { rpc::RunTags(queue_); }};
};

TEST_F(BackendClientTest, BringsTheResultsInOrder) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  const auto results = Send(client, 1, {"a", "b"}).get();
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 2U);
  EXPECT_EQ(ClassificationOf((*results)[0]).label, "label of a");
  EXPECT_EQ(ClassificationOf((*results)[1]).label, "label of b");
  EXPECT_EQ(ClassificationOf((*results)[1]).confidence, 0.5);
}

TEST_F(BackendClientTest, BringsTheBackendsOwnError) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  EXPECT_EQ(Send(client, 1, {"fail"}).get().status(), absl::DataLossError("as asked"));
}

TEST_F(BackendClientTest, PassesOnTheIdsByWhichCallersFindTheirCalls) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  ASSERT_TRUE(Send(client, 1, {"a", "b"}, std::chrono::seconds(20), {{"first", "00-1"}, {"second", ""}}).get().ok());
  EXPECT_THAT(backend.metadata(),
              ::testing::UnorderedElementsAre("x-request-id: first", "x-request-id: second", "traceparent: 00-1"));
}

TEST_F(BackendClientTest, GivesUpAtTheTimeout) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  const absl::Status status = Send(client, 1, {"hang"}, milliseconds(50)).get().status();
  EXPECT_TRUE(absl::IsDeadlineExceeded(status));
  // A model whose batches take longer is never served, so the operator must learn how that is changed.
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("not answered a batch within 0.05 s"));
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("set --batch-timeout-seconds"));
  EXPECT_THAT(client.trouble(), ::testing::HasSubstr("set --batch-timeout-seconds above their time"));
}

TEST_F(BackendClientTest, TellsTheBackendHowLongItWaits) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  ASSERT_TRUE(Send(client, 1, {"a"}, std::chrono::seconds(3)).get().ok());
  EXPECT_GT(backend.last_time_left(), std::chrono::seconds(2));
  EXPECT_LT(backend.last_time_left(), std::chrono::seconds(4));  // gRPC rounds up
}

TEST_F(BackendClientTest, GivesUpWhenItIsCancelled) {
  ScriptedClassifier backend;
  BackendClient client(backend.address(), codec_, queue_);
  auto hanging = Send(client, 7, {"hang"});
  client.Cancel(8);  // nobody
  EXPECT_EQ(hanging.wait_for(milliseconds(20)), std::future_status::timeout);
  client.Cancel(7);
  EXPECT_TRUE(absl::IsCancelled(hanging.get().status()));
  client.Cancel(7);
}

TEST_F(BackendClientTest, IsUnavailableAtOnceIfNobodyListensAndConnectsWhenSomebodyDoes) {
  std::string address;
  { address = ScriptedClassifier().address(); }
  BackendClient client(address, codec_, queue_);
  EXPECT_TRUE(absl::IsUnavailable(Send(client, 1, {"a"}).get().status()));
  ScriptedClassifier backend(address);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  bool answered = false;
  for (scheduling::BatchId id = 2; !answered && std::chrono::steady_clock::now() < deadline; ++id) {
    answered = Send(client, id, {"a"}).get().ok();
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(answered);
}

}  // namespace
}  // namespace smartbatch::transport
