// Requests to batches, and answers back: compared with matrices that are padded and cut by hand.
#include "services/proxy/protocol/open_inference/infer_codec.h"

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "common/random.h"
#include "services/tensors/elements.h"
#include "tests/proxy/protocol/open_inference/infer_codec_fixture.h"

namespace smartbatch::protocol::open_inference {
namespace {

TEST_F(InferCodec, ABatchIsTheRowsOneAfterTheOtherPaddedToTheLongest) {
  const auto first = Read(Request({{1, 2}, {3, 4}}, {"a", "bc"}));
  const auto second = Read(Request({{5, 6, 9}}, {""}));
  const ModelInferRequest batch = Sent({{first, 1}, {second, 0}});
  EXPECT_THAT(batch.inputs(0).shape(), ::testing::ElementsAre(2, 3));
  EXPECT_EQ(batch.raw_input_contents(0), RawOf({{3, 4, 7}, {5, 6, 9}}));
  EXPECT_THAT(batch.inputs(1).shape(), ::testing::ElementsAre(2, 1));
  EXPECT_EQ(batch.raw_input_contents(1), RawText({"bc", ""}));
  EXPECT_EQ(batch.model_name(), "model");
  EXPECT_EQ(batch.id(), "");
}

TEST_F(InferCodec, EveryAnswerIsTheAnswerAloneWhoeverShareTheBatches) {
  Random random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::shared_ptr<const Payload>> payloads;
    std::vector<RowRef> all;
    for (std::int64_t requests = random.Between(1, 6); requests > 0; --requests) {
      Matrix ids(static_cast<std::size_t>(random.Between(1, 4)), Row(static_cast<std::size_t>(random.Between(1, 20))));
      std::vector<std::string> texts;
      for (Row& row : ids) {
        for (std::int64_t& id : row) id = random.Between(-1000, 1000);
        texts.emplace_back(static_cast<std::size_t>(random.Between(0, 5)), static_cast<char>(random.Between(0, 255)));
      }
      payloads.push_back(Read(Request(ids, texts)));
      for (const RowRef& row : RowsOf(payloads.back())) all.push_back(row);
    }
    // Into batches of at most five, the rows in a random order.
    for (std::size_t i = all.size(); i > 1; --i) {
      std::swap(all[i - 1], all[static_cast<std::size_t>(random.Between(0, static_cast<std::int64_t>(i) - 1))]);
    }
    std::map<std::pair<const Payload*, std::uint32_t>, RowResult> results;
    for (std::size_t begin = 0; begin < all.size(); begin += 5) {
      const std::vector<RowRef> rows(all.begin() + static_cast<std::ptrdiff_t>(begin),
                                     all.begin() + static_cast<std::ptrdiff_t>(std::min(begin + 5, all.size())));
      const auto answered = Answered(AnswerTo(Sent(rows)), rows);
      ASSERT_TRUE(answered.ok()) << answered.status();
      for (std::size_t i = 0; i < rows.size(); ++i) results[{rows[i].payload.get(), rows[i].row}] = (*answered)[i];
    }
    for (const auto& payload : payloads) {
      BatchResults own;
      for (std::uint32_t row = 0; row < payload->lengths().size(); ++row)
        own.push_back(results.at({payload.get(), row}));
      EXPECT_EQ(Told(*payload, own).SerializeAsString(), Alone(payload).SerializeAsString());
    }
  }
}

TEST_F(InferCodec, TheAnswerHasTheRequestsIdAndItsOwnLength) {
  const auto payload = Read(Request({{2, 3}}, {"x"}));
  const auto longer = Read(Request({{4, 4, 4, 4}}, {"y"}));
  const std::vector<RowRef> rows = {{longer, 0}, {payload, 0}};
  const auto results = Answered(AnswerTo(Sent(rows)), rows);
  ASSERT_TRUE(results.ok()) << results.status();
  const ModelInferResponse response = Told(*payload, {(*results)[1]});
  EXPECT_EQ(response.id(), "id");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_THAT(response.outputs(0).shape(), ::testing::ElementsAre(1, 2));
  EXPECT_EQ(response.raw_output_contents(0), RawOf({{4, 9}}));
  EXPECT_EQ(response.raw_output_contents(1), RawText({"x"}));
}

TEST_F(InferCodec, TypedContentsAreReadAsRawOnesAreInRequestsAndInAnswers) {
  const ModelInferRequest raw = Request({{1, -2}}, {"x"});
  ModelInferRequest typed = raw;
  typed.clear_raw_input_contents();
  typed.mutable_inputs(0)->mutable_contents()->add_int64_contents(1);
  typed.mutable_inputs(0)->mutable_contents()->add_int64_contents(-2);
  typed.mutable_inputs(1)->mutable_contents()->add_bytes_contents("x");
  const auto payload = Read(typed);
  EXPECT_EQ(Sent(RowsOf(payload)).SerializeAsString(), Sent(RowsOf(Read(raw))).SerializeAsString());
  ModelInferResponse answer = AnswerTo(Sent(RowsOf(payload)));
  answer.clear_raw_output_contents();
  answer.mutable_outputs(0)->mutable_contents()->add_int64_contents(1);
  answer.mutable_outputs(0)->mutable_contents()->add_int64_contents(4);
  answer.mutable_outputs(1)->mutable_contents()->add_bytes_contents("x");
  const auto results = Answered(answer, RowsOf(payload));
  ASSERT_TRUE(results.ok()) << results.status();
  EXPECT_EQ(Told(*payload, *results).SerializeAsString(), Alone(payload).SerializeAsString());
}

TEST_F(InferCodec, TheLengthIsThePaddedDimension) {
  EXPECT_THAT(Read(Request({{1, 2, 3}, {1, 2, 3}}, {"", "abcdefgh"}))->lengths(), ::testing::ElementsAre(3, 3));
}

TEST_F(InferCodec, OnlyWhatMayShareABatchHasOneKey) {
  const ModelInferRequest plain = Request({{1, 2}}, {"a"});
  const std::string key = Read(plain)->batch_key();
  EXPECT_EQ(Read(Request({{1, 2, 3}, {4, 5, 6}}, {"b", "c"}))->batch_key(), key);
  std::vector<ModelInferRequest> others(6, plain);
  others[0].set_model_version("1");
  (*others[1].mutable_parameters())["temperature"].set_double_param(0.5);
  (*others[2].mutable_parameters())["temperature"].set_double_param(0.6);
  others[3].add_outputs()->set_name("echo");
  others[4].add_outputs()->set_name("squares");
  (*others[5].mutable_inputs(0)->mutable_parameters())["x"].set_bool_param(true);
  std::set<std::string> keys = {key};
  for (const ModelInferRequest& other : others) EXPECT_TRUE(keys.insert(Read(other)->batch_key()).second);
  ModelInferRequest other_id = plain;
  other_id.set_id("another");
  EXPECT_EQ(Read(other_id)->batch_key(), key);
}

// KServe's client says how many bytes each raw tensor has, and its models say it of their outputs.
TEST_F(InferCodec, RequestsWhoseBinaryDataSizesDifferShareABatchAndEachMessageTellsItsOwn) {
  static constexpr char kSize[] = "binary_data_size";
  const auto say = [](auto& tensors, const auto& contents) {
    for (int i = 0; i < tensors.size(); ++i) {
      (*tensors[i].mutable_parameters())[kSize].set_int64_param(static_cast<std::int64_t>(contents[i].size()));
    }
  };
  const auto said = [](const auto& tensor) { return tensor.parameters().at(kSize).int64_param(); };
  std::vector<std::shared_ptr<const Payload>> payloads;
  for (ModelInferRequest request : {Request({{1, 2, 3}}, {"abc"}), Request({{4}, {5}}, {"", "abcdefgh"})}) {
    say(*request.mutable_inputs(), request.raw_input_contents());
    payloads.push_back(Read(request));
  }
  EXPECT_EQ(payloads[0]->batch_key(), payloads[1]->batch_key());
  const std::vector<RowRef> rows = {{payloads[1], 1}, {payloads[0], 0}, {payloads[1], 0}};
  const ModelInferRequest batch = Sent(rows);
  EXPECT_EQ(said(batch.inputs(0)), 3 * 3 * 8);
  EXPECT_EQ(said(batch.inputs(1)), (4 + 8) + (4 + 3) + 4);
  ModelInferResponse answer = AnswerTo(batch);
  say(*answer.mutable_outputs(), answer.raw_output_contents());
  const auto results = Answered(answer, rows);
  ASSERT_TRUE(results.ok()) << results.status();
  const ModelInferResponse first = Told(*payloads[0], {(*results)[1]});
  EXPECT_EQ(said(first.outputs(0)), 3 * 8);
  EXPECT_EQ(said(first.outputs(1)), 4 + 3);
  const ModelInferResponse second = Told(*payloads[1], {(*results)[2], (*results)[0]});
  EXPECT_EQ(said(second.outputs(0)), 2 * 8);
  EXPECT_EQ(said(second.outputs(1)), 4 + (4 + 8));
}

TEST_F(InferCodec, WhatIsMeantForTheServersQueueIsNotPassedOnAndKeepsNoRequestsApart) {
  const auto plain = Read(Request({{1, 2}}, {"a"}));
  EXPECT_EQ(plain->timeout(), Duration::max());
  ModelInferRequest request = Request({{1, 2}}, {"a"});
  (*request.mutable_parameters())["timeout"].set_int64_param(1500);
  (*request.mutable_parameters())["priority"].set_uint64_param(2);
  const auto payload = Read(request);
  EXPECT_EQ(payload->timeout(), std::chrono::microseconds(1500));
  EXPECT_EQ(payload->batch_key(), plain->batch_key());
  EXPECT_EQ(Sent(RowsOf(payload)).parameters_size(), 0);
  for (const std::int64_t none : {std::int64_t{0}, std::int64_t{-5}, std::numeric_limits<std::int64_t>::min()}) {
    (*request.mutable_parameters())["timeout"].set_int64_param(none);
    EXPECT_EQ(Read(request)->timeout(), Duration::max()) << none;
  }
  (*request.mutable_parameters())["timeout"].set_int64_param(std::numeric_limits<std::int64_t>::max());
  EXPECT_GT(Read(request)->timeout(), std::chrono::hours(24 * 365 * 290));
}

}  // namespace
}  // namespace smartbatch::protocol::open_inference
