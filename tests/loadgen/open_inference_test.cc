// Load for a model of one's own: the client against a model server in this process.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <future>
#include <mutex>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/loadgen/scripted_inference_server.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tools/loadgen/engine/client.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;

ClientOptions To(const std::string& address, const std::string& model) {
  ClientOptions options;
  options.server.target = address;
  options.deadline = seconds(5);
  options.speaks_open_inference = !model.empty();
  options.model = model;
  return options;
}

struct Heard {
  grpc::Status status;
  ServerTimings timings;
};

Heard SendOne(Client& client, const std::vector<std::string>& sequences) {
  std::promise<Heard> heard;
  client.Send("anna", sequences, [&](const Answer& answer) { heard.set_value({answer.status, answer.timings}); });
  return heard.get_future().get();
}

// The request that the model saw.
class Listener {
 public:
  explicit Listener(const std::vector<ModelTensor>& inputs)
      : model_(MetadataOf("mine", inputs), [this](const auto& request, auto& response, auto& context) {
          const std::scoped_lock lock(mutex_);
          request_ = request;
          const auto customer = context.client_metadata().find("x-customer-id");
          if (customer != context.client_metadata().end()) {
            customer_ = std::string(customer->second.data(), customer->second.size());
          }
          AnswerRows(request.inputs(0).shape(0), response);
          return grpc::Status::OK;
        }) {}

  inference::ModelInferRequest Send(const std::vector<std::string>& sequences) {
    auto client = Client::Connect(To(model_.address(), "mine"), seconds(5));
    EXPECT_TRUE(client.ok()) << client.status();
    if (!client.ok()) return {};
    const Heard heard = SendOne(**client, sequences);
    EXPECT_TRUE(heard.status.ok()) << heard.status.error_message();
    const std::scoped_lock lock(mutex_);
    return request_;
  }
  std::string customer() {
    const std::scoped_lock lock(mutex_);
    return customer_;
  }

 private:
  std::mutex mutex_;
  inference::ModelInferRequest request_;
  std::string customer_;
  const ScriptedModel model_;
};

std::vector<std::int64_t> ShapeOf(const inference::ModelInferRequest& request, int input) {
  return {request.inputs(input).shape().begin(), request.inputs(input).shape().end()};
}

template <class Number>
std::vector<std::int64_t> NumbersIn(const std::string& raw) {
  std::vector<std::int64_t> numbers;
  for (std::size_t at = 0; at + sizeof(Number) <= raw.size(); at += sizeof(Number)) {
    Number number{};
    std::memcpy(&number, raw.data() + at, sizeof(Number));
    numbers.push_back(static_cast<std::int64_t>(number));
  }
  return numbers;
}

TEST(OpenInference, SendsEachSequenceAsAnElementOfTheTextInput) {
  Listener listener({{"text", "BYTES", {-1, 1}}});
  const auto request = listener.Send({"abc", "ä"});
  EXPECT_EQ(request.model_name(), "mine");
  ASSERT_EQ(request.inputs_size(), 1);
  EXPECT_EQ(request.inputs(0).name(), "text");
  EXPECT_EQ(request.inputs(0).datatype(), "BYTES");
  EXPECT_EQ(ShapeOf(request, 0), (std::vector<std::int64_t>{2, 1}));
  ASSERT_EQ(request.raw_input_contents_size(), 1);
  EXPECT_EQ(request.raw_input_contents(0), std::string("\x03\0\0\0abc\x02\0\0\0\xc3\xa4", 13));
  EXPECT_EQ(listener.customer(), "anna");
}

TEST(OpenInference, KeepsToOneDimensionIfTheTextInputHasOne) {
  Listener listener({{"text", "BYTES", {-1}}});
  EXPECT_EQ(ShapeOf(listener.Send({"abc", "de"}), 0), (std::vector<std::int64_t>{2}));
}

TEST(OpenInference, SendsATokenForEachCharacterPaddedToTheLongestOfTheRequest) {
  Listener listener(
      {{"input_ids", "INT64", {-1, -1}}, {"attention_mask", "INT32", {-1, -1}}, {"token_type_ids", "INT64", {-1, -1}}});
  const auto request = listener.Send({"ä", "abc"});
  ASSERT_EQ(request.inputs_size(), 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ShapeOf(request, i), (std::vector<std::int64_t>{2, 3}));
  const auto ids = NumbersIn<std::int64_t>(request.raw_input_contents(0));
  ASSERT_EQ(ids.size(), 6U);
  for (const int padded : {1, 2}) EXPECT_EQ(ids[static_cast<std::size_t>(padded)], 0);
  for (const int token : {0, 3, 4, 5}) {
    EXPECT_GE(ids[static_cast<std::size_t>(token)], 1);
    EXPECT_LE(ids[static_cast<std::size_t>(token)], 250);
  }
  EXPECT_EQ(NumbersIn<std::int32_t>(request.raw_input_contents(1)), (std::vector<std::int64_t>{1, 0, 0, 1, 1, 1}));
  EXPECT_EQ(NumbersIn<std::int64_t>(request.raw_input_contents(2)), std::vector<std::int64_t>(6, 0));
}

TEST(OpenInference, AnAnswerThatHasNotARowForEachSequenceIsAFailure) {
  const ScriptedModel model(MetadataOf("mine", {{"text", "BYTES", {-1, 1}}}),
                            [](const auto& request, auto& response, auto&) {
                              const std::int64_t rows = request.inputs(0).shape(0);
                              if (rows != 1) AnswerRows(rows - 1, response);
                              return grpc::Status::OK;
                            });
  auto client = Client::Connect(To(model.address(), "mine"), seconds(5));
  ASSERT_TRUE(client.ok()) << client.status();
  const Heard short_of_one = SendOne(**client, {"a", "b", "c"});
  EXPECT_EQ(short_of_one.status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(short_of_one.status.error_message(), HasSubstr("'score' has the shape [2,1] for 3 sequences"));
  EXPECT_EQ(SendOne(**client, {"a"}).status.error_message(), "the answer has no output");
}

TEST(OpenInference, TakesTheTimingsFromTheTrailerAndDoesWithoutThem) {
  const ScriptedModel model(
      MetadataOf("mine", {{"text", "BYTES", {-1, 1}}}), [](const auto& request, auto& response, auto& context) {
        AnswerRows(request.inputs(0).shape(0), response);
        if (request.inputs(0).shape(0) == 1) return grpc::Status::OK;
        const std::string batches = request.inputs(0).shape(0) == 2 ? "3,17" : "1,1 batches=900";
        context.AddTrailingMetadata(
            "x-smartbatch-timings",
            "strategy=sjf queue_ms=1.250 service_ms=20.500 latency_ms=30.125 batch_sizes=" + batches);
        return grpc::Status::OK;
      });
  auto client = Client::Connect(To(model.address(), "mine"), seconds(5));
  ASSERT_TRUE(client.ok()) << client.status();
  const ServerTimings told = SendOne(**client, {"a", "b"}).timings;
  EXPECT_EQ(told.strategy, "sjf");
  EXPECT_DOUBLE_EQ(told.queue_ms, 1.25);
  EXPECT_DOUBLE_EQ(told.service_ms, 20.5);
  EXPECT_DOUBLE_EQ(told.latency_ms, 30.125);
  EXPECT_EQ(told.batch_sizes, (std::vector<std::uint32_t>{3, 17}));
  EXPECT_EQ(told.batches, 2U);
  const ServerTimings cut = SendOne(**client, {"a", "b", "c"}).timings;
  EXPECT_EQ(cut.batch_sizes, (std::vector<std::uint32_t>{1, 1}));
  EXPECT_EQ(cut.batches, 900U);
  const ServerTimings untold = SendOne(**client, {"a"}).timings;
  EXPECT_EQ(untold.strategy, "");
  EXPECT_TRUE(untold.batch_sizes.empty());
}

struct Unsendable {
  std::string case_name;
  std::vector<ModelTensor> inputs;
  std::string model;
  absl::StatusCode code;
  std::string part_of_the_message;
};

class AModelThatNothingCanBeSentTo : public ::testing::TestWithParam<Unsendable> {};

TEST_P(AModelThatNothingCanBeSentTo, IsSaidWhenTheClientConnects) {
  const Unsendable& unsendable = GetParam();
  const ScriptedModel model(MetadataOf("mine", unsendable.inputs),
                            [](const auto&, auto&, auto&) { return grpc::Status::OK; });
  const auto client = Client::Connect(To(model.address(), unsendable.model), seconds(5));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), unsendable.code);
  EXPECT_THAT(std::string(client.status().message()), HasSubstr(unsendable.part_of_the_message));
}

INSTANTIATE_TEST_SUITE_P(
    Models, AModelThatNothingCanBeSentTo,
    ::testing::Values(
        Unsendable{"Unknown", {{"text", "BYTES", {-1, 1}}}, "theirs", absl::StatusCode::kNotFound, "'theirs'"},
        Unsendable{"Undescribed", {}, "mine", absl::StatusCode::kFailedPrecondition, "not described"},
        Unsendable{"Numbers",
                   {{"image", "FP32", {-1, 224}}},
                   "mine",
                   absl::StatusCode::kFailedPrecondition,
                   "'image' (FP32 [-1,224])"},
        Unsendable{"TwoTexts",
                   {{"text", "BYTES", {-1, 1}}, {"pair", "BYTES", {-1, 1}}},
                   "mine",
                   absl::StatusCode::kFailedPrecondition,
                   "'text' (BYTES [-1,1])"},
        Unsendable{"FixedLength",
                   {{"input_ids", "INT64", {-1, 128}}},
                   "mine",
                   absl::StatusCode::kFailedPrecondition,
                   "'input_ids' (INT64 [-1,128])"}),
    [](const auto& tested) { return tested.param.case_name; });

}  // namespace
}  // namespace smartbatch::loadgen
