// Requests of the Open Inference Protocol on their way: who shares a batch, who is refused, whose time is over.
#include <set>

#include "tests/proxy/transport/open_inference/open_inference_fixture.h"

namespace smartbatch::transport {
namespace {

using ::testing::HasSubstr;

TEST_F(OpenInference, RequestsOfSeveralCallersShareABatchAndEachGetsItsOwn) {
  reader_.Look();
  const std::vector<std::vector<Ids>> sent = {{{1, 2, 3}}, {{4}, {5}}, {{6, 7, 8, 9, 10}}};
  const auto seen = InferTogether({RequestOf(sent[0], "a"), RequestOf(sent[1], "b"), RequestOf(sent[2], "c")});
  for (std::size_t i = 0; i < sent.size(); ++i) {
    ASSERT_TRUE(seen[i].status.ok()) << seen[i].status.error_message();
    EXPECT_EQ(RowsOf(seen[i].response), SquaresOf(sent[i]));
    EXPECT_EQ(seen[i].response.id(), std::string(1, static_cast<char>('a' + i)));
    EXPECT_THAT(seen[i].trailers.at("x-smartbatch-timings"), ::testing::EndsWith(" batch_sizes=4"));
  }
  ASSERT_EQ(model_server_->batches().size(), 2U);
  EXPECT_THAT(model_server_->batches()[1].inputs(0).shape(), ::testing::ElementsAre(4, 5));
}

TEST_F(OpenInference, RequestsThatAskForOtherThingsNeverShareABatch) {
  reader_.Look();
  ModelInferRequest version = RequestOf({{2}});
  version.set_model_version("1");
  ModelInferRequest parameter = RequestOf({{3}});
  (*parameter.mutable_parameters())["temperature"].set_double_param(0.5);
  const auto seen = InferTogether({RequestOf({{1}}), version, parameter, RequestOf({{4}})});
  for (const Seen& one : seen) EXPECT_TRUE(one.status.ok()) << one.status.error_message();
  std::multiset<std::int64_t> rows;
  for (const ModelInferRequest& batch : model_server_->batches()) rows.insert(batch.inputs(0).shape(0));
  EXPECT_EQ(rows, (std::multiset<std::int64_t>{1, 1, 1, 2}));  // the request that held the backend, and three kinds
}

class ALyingBackend : public OpenInference, public ::testing::WithParamInterface<testing::Trouble> {};

TEST_P(ALyingBackend, HarmsOnlyTheRequestThatMakesItLie) {
  reader_.Look();
  const std::vector<std::vector<Ids>> good = {{{1, 2, 3}}, {{4}, {5}}, {{6, 7}}};
  const auto seen =
      InferTogether({RequestOf(good[0]), RequestOf(good[1]), RequestOf({{GetParam(), 1}}), RequestOf(good[2])});
  EXPECT_EQ(seen[2].status.error_code(), grpc::StatusCode::INTERNAL) << seen[2].status.error_message();
  for (const std::size_t i : {0U, 1U, 3U}) {
    ASSERT_TRUE(seen[i].status.ok()) << seen[i].status.error_message();
    EXPECT_EQ(RowsOf(seen[i].response), SquaresOf(good[i < 2 ? i : 2]));
  }
}

INSTANTIATE_TEST_SUITE_P(Lies, ALyingBackend,
                         ::testing::Values(testing::kError, testing::kTooFewRows, testing::kOtherType,
                                           testing::kOtherLength, testing::kCutContents, testing::kNoOutput));

TEST_F(OpenInference, NobodyIsServedBeforeTheModelIsKnown) {
  const Seen early = Infer(RequestOf({{1}}));
  EXPECT_EQ(early.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  inference::ServerReadyResponse ready;
  grpc::ClientContext before;
  ASSERT_TRUE(stub_->ServerReady(&before, {}, &ready).ok());
  EXPECT_FALSE(ready.ready());
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}})).status.ok());
  grpc::ClientContext after;
  ASSERT_TRUE(stub_->ServerReady(&after, {}, &ready).ok());
  EXPECT_TRUE(ready.ready());
}

TEST_F(OpenInference, CallersLearnThatTheServerDoesNotKnowTheModelUntilItDoes) {
  model_server_->SetKnown(false);
  reader_.Look();
  const Seen unknown = Infer(RequestOf({{1}}));
  EXPECT_EQ(unknown.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(unknown.status.error_message(), HasSubstr("NOT_FOUND: Request for unknown model: 'm' is not found"));
  model_server_->SetKnown(true);
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}})).status.ok());
  // It stays known while a server forgets it, as one does that starts again.
  model_server_->SetKnown(false);
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}})).status.ok());
}

TEST_F(OpenInference, AModelThatCannotBeBatchedIsRefusedAndServedOnceItCan) {
  inference::ModelConfig config;
  config.set_max_batch_size(8);
  config.mutable_model_transaction_policy()->set_decoupled(true);
  model_server_->SetConfig(config);
  reader_.Look();
  const Seen refused = Infer(RequestOf({{1}}));
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(refused.status.error_message(), HasSubstr("decoupled"));
  config.clear_model_transaction_policy();
  config.set_max_batch_size(2);
  model_server_->SetConfig(config);
  reader_.Look();
  EXPECT_TRUE(Infer(RequestOf({{1}, {2}})).status.ok());
  EXPECT_EQ(Infer(RequestOf({{1}, {2}, {3}})).status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(OpenInference, ABackendWhoseModelIsNotReadyGetsNoBatches) {
  reader_.Look();
  model_server_->SetReady(false);
  while (dispatcher_.Look(0).backends.at(0).up) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  auto waiting = std::async(std::launch::async, [this] { return Infer(RequestOf({{1}})); });
  WaitForWaiting(1);
  EXPECT_TRUE(model_server_->batches().empty());
  model_server_->SetReady(true);
  EXPECT_TRUE(waiting.get().status.ok());
}

TEST_F(OpenInference, AMessageThatIsTooLargeIsRefused) {
  reader_.Look();
  EXPECT_EQ(Infer(RequestOf({Ids(200'000, 1)})).status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(OpenInference, ADeadlineAndACancelEndARequestThatWaits) {
  reader_.Look();
  auto held = Hold();
  const Seen late = Infer(RequestOf({{1}}), std::chrono::milliseconds(50));
  EXPECT_EQ(late.status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  while (dispatcher_.Look(0).queued_requests > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, TheParameterTimeoutIsADeadlineOfTheRequest) {
  reader_.Look();
  auto held = Hold();
  ModelInferRequest request = RequestOf({{1}}, "late");
  (*request.mutable_parameters())["timeout"].set_int64_param(50'000);
  EXPECT_EQ(Infer(request).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  grpc::ClientContext context;
  const auto stream = stub_->ModelStreamInfer(&context);
  ASSERT_TRUE(stream->Write(request));
  inference::ModelStreamInferResponse answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_THAT(answer.error_message(), HasSubstr("deadline"));
  EXPECT_EQ(answer.infer_response().id(), "late");
  model_server_->LetGo();
  EXPECT_TRUE(held.get().status.ok());
  stream->WritesDone();
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_EQ(model_server_->batches().size(), 1U);
}

TEST_F(OpenInference, TheOldContractIsNotServedBesideIt) {
  grpc::ClientContext context;
  grpc::Status status;
  const auto channel = grpc::CreateChannel(server_.address(), grpc::InsecureChannelCredentials());
  grpc::ByteBuffer answer;
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel);
  const auto reader =
      stub.PrepareUnaryCall(&context, "/smartbatch.proxy.v1.ProxyService/ProxyClassify", grpc::ByteBuffer(), &queue);
  reader->StartCall();
  reader->Finish(&answer, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("inference.GRPCInferenceService"));
}

}  // namespace
}  // namespace smartbatch::transport
