// The calls of the Open Inference Protocol beside ModelInfer: streams and statistics.
#include "tests/proxy/transport/open_inference/open_inference_fixture.h"

namespace smartbatch::transport {
namespace {

using ::testing::HasSubstr;

TEST_F(OpenInference, AStreamAnswersEachRequestOnceWithItsIdTheWrongOnesToo) {
  reader_.Look();
  constexpr int kRequests = 500;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
  const auto stream = stub_->ModelStreamInfer(&context);
  std::jthread writer([&stream] {
    for (int i = 0; i < kRequests; ++i) {
      ModelInferRequest request = RequestOf({{i, i + 1}}, std::to_string(i));
      if (i % 10 == 3) request.mutable_inputs(0)->set_name("nope");
      if (i % 10 == 7) request = RequestOf({{testing::kError}}, std::to_string(i));
      stream->Write(request);
    }
    stream->WritesDone();
  });
  std::set<std::string> ids;
  inference::ModelStreamInferResponse response;
  while (stream->Read(&response)) {
    const std::string& id = response.infer_response().id();
    EXPECT_TRUE(ids.insert(id).second) << id;
    const std::int64_t i = std::stoll(id);
    if (i % 10 == 3) {
      EXPECT_THAT(response.error_message(), HasSubstr("nope"));
    } else if (i % 10 == 7) {
      EXPECT_THAT(response.error_message(), HasSubstr("the number of the beast"));
    } else {
      EXPECT_EQ(response.error_message(), "");
      EXPECT_EQ(RowsOf(response.infer_response()), SquaresOf({{i, i + 1}}));
    }
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(ids.size(), static_cast<std::size_t>(kRequests));
}

TEST_F(OpenInference, AStreamThatIsCancelledLeavesNothingInTheQueue) {
  reader_.Look();
  auto held = Hold();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  for (int i = 0; i < 200; ++i) {
    if (!stream->Write(RequestOf({{i}}))) break;
    if (i == 20) WaitForWaiting(20);
    if (i == 30) break;
  }
  // There are never more requests of one stream than that.
  EXPECT_LE(dispatcher_.Look(0).queued_requests, InferenceStream::kMostAtOnce);
  context.TryCancel();
  while (dispatcher_.Look(0).queued_requests > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  stream->Finish();
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, OneStreamHasABoundedNumberOfRequestsInTheQueue) {
  reader_.Look();
  auto held = Hold();
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  std::jthread writer([&stream] {
    for (int i = 0; i < 1000; ++i) {
      if (!stream->Write(RequestOf({Ids(100, i)}))) return;
    }
  });
  WaitForWaiting(InferenceStream::kMostAtOnce);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(dispatcher_.Look(0).queued_requests, InferenceStream::kMostAtOnce);
  context.TryCancel();
  model_server_->LetGo();
  held.get();
}

TEST_F(OpenInference, StatisticsCountRequestsRowsAndBatches) {
  const auto before = std::chrono::system_clock::now();
  reader_.Look();
  InferTogether({RequestOf({{1}, {2}}), RequestOf({{3}})});
  grpc::ClientContext context;
  inference::ModelStatisticsResponse response;
  inference::ModelStatisticsRequest request;
  request.set_name("m");
  ASSERT_TRUE(stub_->ModelStatistics(&context, request, &response).ok());
  EXPECT_EQ(response.model_stats(0).inference_count(), 4U);
  EXPECT_EQ(response.model_stats(0).execution_count(), 2U);
  EXPECT_EQ(response.model_stats(0).inference_stats().success().count(), 3U);
  EXPECT_GT(response.model_stats(0).inference_stats().success().ns(), 0U);
  ASSERT_EQ(response.model_stats(0).batch_stats_size(), 2);
  for (const int i : {0, 1}) {
    const auto& batches = response.model_stats(0).batch_stats(i);
    EXPECT_EQ(batches.batch_size(), i == 0 ? 1U : 3U);
    EXPECT_EQ(batches.compute_infer().count(), 1U);
    EXPECT_GT(batches.compute_infer().ns(), 0U);
  }
  const std::chrono::system_clock::time_point last{std::chrono::milliseconds(response.model_stats(0).last_inference())};
  EXPECT_GE(last + std::chrono::milliseconds(1), before);
  EXPECT_LE(last, std::chrono::system_clock::now());
}

TEST_F(OpenInference, StatisticsOfAModelThatNobodyHasCalledTellOfNoInference) {
  grpc::ClientContext context;
  inference::ModelStatisticsResponse response;
  ASSERT_TRUE(stub_->ModelStatistics(&context, {}, &response).ok());
  EXPECT_EQ(response.model_stats(0).last_inference(), 0U);
  EXPECT_EQ(response.model_stats(0).batch_stats_size(), 0);
}

// perf_analyzer aborts at a version that is not a number.
TEST_F(OpenInference, StatisticsNameTheNewestVersionOrIfItIsNotANumberVersion1) {
  using Versions = std::vector<std::string>;
  for (const auto& [versions, expected] : std::map<Versions, std::string>{
           {{"1"}, "1"}, {{"2", "13"}, "13"}, {{}, "1"}, {{""}, "1"}, {{"v0.1.0"}, "1"}, {{"3", "4.5"}, "1"}}) {
    model_server_->SetVersions(versions);
    reader_.Look();
    grpc::ClientContext context;
    inference::ModelStatisticsResponse response;
    ASSERT_TRUE(stub_->ModelStatistics(&context, {}, &response).ok());
    EXPECT_EQ(response.model_stats(0).version(), expected) << ::testing::PrintToString(versions);
  }
}

}  // namespace
}  // namespace smartbatch::transport
