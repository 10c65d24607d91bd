// Requests to batches, and answers back: compared with matrices that are padded and cut by hand.
#include "services/proxy/protocol/open_inference/infer_codec.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "common/random.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "services/tensors/elements.h"

namespace smartbatch::protocol::open_inference {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::HasSubstr;
using Row = std::vector<std::int64_t>;
using Matrix = std::vector<Row>;

template <class Value>
std::string Raw(const std::vector<Value>& values) {
  std::string raw(values.size() * sizeof(Value), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return raw;
}
std::string RawOf(const Matrix& matrix) {
  std::string raw;
  for (const Row& row : matrix) raw += Raw(row);
  return raw;
}
std::string RawText(const std::vector<std::string>& texts) {
  std::string raw;
  for (const std::string& text : texts) raw += Raw(std::vector{static_cast<std::uint32_t>(text.size())}) + text;
  return raw;
}

inference::ModelMetadataResponse Metadata() {
  inference::ModelMetadataResponse metadata;
  metadata.set_name("model");
  metadata.add_versions("1");
  const auto add = [](auto& tensors, const char* name, const char* datatype, std::vector<std::int64_t> shape) {
    auto& tensor = *tensors.Add();
    tensor.set_name(name);
    tensor.set_datatype(datatype);
    for (const std::int64_t dimension : shape) tensor.add_shape(dimension);
  };
  add(*metadata.mutable_inputs(), "ids", "INT64", {-1, -1});
  add(*metadata.mutable_inputs(), "text", "BYTES", {-1, 1});
  add(*metadata.mutable_outputs(), "squares", "INT64", {-1, -1});
  add(*metadata.mutable_outputs(), "echo", "BYTES", {-1, 1});
  return metadata;
}

class InferCodec : public ::testing::Test {
 protected:
  InferCodec() {
    const auto described = Describe(model_->settings(), Metadata(), std::nullopt);
    EXPECT_TRUE(described.ok());
    model_->Set(std::make_shared<const ModelDescription>(*described));
  }

  static ModelInferRequest Request(const Matrix& ids, const std::vector<std::string>& texts) {
    ModelInferRequest request;
    request.set_model_name("model");
    request.set_id("id");
    auto& first = *request.add_inputs();
    first.set_name("ids");
    first.set_datatype("INT64");
    first.add_shape(static_cast<std::int64_t>(ids.size()));
    first.add_shape(static_cast<std::int64_t>(ids[0].size()));
    auto& second = *request.add_inputs();
    second.set_name("text");
    second.set_datatype("BYTES");
    second.add_shape(static_cast<std::int64_t>(texts.size()));
    second.add_shape(1);
    request.add_raw_input_contents(RawOf(ids));
    request.add_raw_input_contents(RawText(texts));
    return request;
  }
  std::shared_ptr<const Payload> Read(const ModelInferRequest& request) {
    std::shared_ptr<const Payload> payload;
    const grpc::Status status = customers_.Read(rpc::SerializeMessage(request), payload);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return payload;
  }
  grpc::Status Refused(const ModelInferRequest& request) {
    std::shared_ptr<const Payload> payload;
    const grpc::Status status = customers_.Read(rpc::SerializeMessage(request), payload);
    EXPECT_EQ(payload, nullptr);
    return status;
  }
  static std::vector<RowRef> RowsOf(const std::shared_ptr<const Payload>& payload) {
    std::vector<RowRef> rows;
    for (std::uint32_t row = 0; row < payload->lengths().size(); ++row) rows.push_back({payload, row});
    return rows;
  }

  // The answer of a model that squares every id, padding too, and echoes the texts.
  static ModelInferResponse AnswerTo(const ModelInferRequest& batch) {
    ModelInferResponse response;
    response.set_model_name("model");
    response.set_model_version("1");
    auto& squares = *response.add_outputs();
    squares.set_name("squares");
    squares.set_datatype("INT64");
    *squares.mutable_shape() = batch.inputs(0).shape();
    std::vector<std::int64_t> values(batch.raw_input_contents(0).size() / 8);
    std::memcpy(values.data(), batch.raw_input_contents(0).data(), values.size() * 8);
    for (std::int64_t& value : values) value *= value;
    response.add_raw_output_contents(Raw(values));
    auto& echo = *response.add_outputs();
    echo.set_name("echo");
    echo.set_datatype("BYTES");
    *echo.mutable_shape() = batch.inputs(1).shape();
    response.add_raw_output_contents(batch.raw_input_contents(1));
    return response;
  }
  ModelInferRequest Sent(const std::vector<RowRef>& rows) {
    ModelInferRequest batch;
    EXPECT_TRUE(rpc::ParseMessage(backends_.Write(rows), batch).ok());
    return batch;
  }
  absl::StatusOr<BatchResults> Answered(const ModelInferResponse& response, const std::vector<RowRef>& rows) {
    return backends_.Read(rpc::SerializeMessage(response), rows);
  }
  ModelInferResponse Told(const Payload& payload, const BatchResults& results) {
    ModelInferResponse response;
    const auto bytes = customers_.Write(payload, results, {});
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    EXPECT_TRUE(!bytes.ok() || rpc::ParseMessage(*bytes, response).ok());
    return response;
  }
  ModelInferResponse Alone(const std::shared_ptr<const Payload>& payload) {
    const auto rows = RowsOf(payload);
    const auto results = Answered(AnswerTo(Sent(rows)), rows);
    EXPECT_TRUE(results.ok()) << results.status();
    return Told(*payload, *results);
  }

  const std::shared_ptr<Model> model_ = std::make_shared<Model>(ModelSettings{.name = "model",
                                                                              .padded_inputs = {{"ids", 7}},
                                                                              .trimmed_outputs = {"squares"},
                                                                              .max_batch_size = 8,
                                                                              .max_length = 50});
  const InferCustomerCodec customers_{Models({model_})};
  const InferBackendCodec backends_{model_};
};

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

TEST_F(InferCodec, WrongRequestsAreRefusedWithTheNameOfTheTensor) {
  const ModelInferRequest good = Request({{1, 2}}, {"a"});
  const auto refused = [&](const char* what, const std::function<void(ModelInferRequest&)>& change, const char* named,
                           grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT) {
    ModelInferRequest request = good;
    change(request);
    const grpc::Status status = Refused(request);
    EXPECT_EQ(status.error_code(), code) << what << ": " << status.error_message();
    EXPECT_THAT(rpc::Describe(status), HasSubstr(named)) << what;
  };
  refused(
      "model", [](auto& r) { r.set_model_name("nope"); }, "'nope' is not found", grpc::StatusCode::NOT_FOUND);
  refused(
      "version", [](auto& r) { r.set_model_version("9"); }, "version 9 is not found", grpc::StatusCode::NOT_FOUND);
  refused(
      "no input",
      [](auto& r) {
        r.clear_inputs();
        r.clear_raw_input_contents();
      },
      "inputs");
  refused(
      "one missing",
      [](auto& r) {
        r.mutable_inputs()->RemoveLast();
        r.mutable_raw_input_contents()->RemoveLast();
      },
      "text");
  refused(
      "twice", [](auto& r) { *r.mutable_inputs(1) = r.inputs(0); }, "ids");
  refused(
      "name", [](auto& r) { r.mutable_inputs(0)->set_name("nope"); }, "nope");
  refused(
      "datatype", [](auto& r) { r.mutable_inputs(0)->set_datatype("INT32"); }, "ids");
  refused(
      "no datatype", [](auto& r) { r.mutable_inputs(0)->set_datatype("NOPE"); }, "ids");
  refused(
      "no rows", [](auto& r) { r.mutable_inputs(0)->set_shape(0, 0); }, "ids");
  refused(
      "negative", [](auto& r) { r.mutable_inputs(0)->set_shape(0, -1); }, "ids");
  refused(
      "negative tail", [](auto& r) { r.mutable_inputs(0)->set_shape(1, -1); }, "ids");
  refused(
      "overflow", [](auto& r) { r.mutable_inputs(0)->set_shape(1, std::int64_t{1} << 62); }, "ids");
  refused(
      "too many rows", [](auto& r) { r.mutable_inputs(0)->set_shape(0, 9); }, "ids");
  refused(
      "rank", [](auto& r) { r.mutable_inputs(1)->add_shape(1); }, "text");
  refused(
      "dimension", [](auto& r) { r.mutable_inputs(1)->set_shape(1, 2); }, "text");
  refused(
      "rows differ", [](auto& r) { r.mutable_inputs(1)->set_shape(0, 2); }, "text");
  refused(
      "no contents", [](auto& r) { r.clear_raw_input_contents(); }, "ids");
  refused(
      "raw for one", [](auto& r) { r.mutable_raw_input_contents()->RemoveLast(); }, "raw_input_contents");
  refused(
      "raw and typed", [](auto& r) { r.mutable_inputs(0)->mutable_contents()->add_int64_contents(1); }, "ids");
  refused(
      "cut", [](auto& r) { r.mutable_raw_input_contents(0)->pop_back(); }, "ids");
  refused(
      "text cut", [](auto& r) { r.mutable_raw_input_contents(1)->pop_back(); }, "text");
  refused(
      "output", [](auto& r) { r.add_outputs()->set_name("nope"); }, "nope");
  refused(
      "timeout", [](auto& r) { (*r.mutable_parameters())["timeout"].set_string_param("5"); }, "parameters[timeout]");
  refused(
      "priority", [](auto& r) { (*r.mutable_parameters())["priority"].set_int64_param(-1); }, "parameters[priority]");
  for (const char* const output : {"echo", "squares"}) {
    refused(
        "texts and padding classified",
        [output](auto& r) {
          auto& asked = *r.add_outputs();
          asked.set_name(output);
          (*asked.mutable_parameters())["classification"].set_int64_param(1);
        },
        output);
  }
  refused(
      "too long", [](auto& r) { r = Request({Row(51, 1)}, {"a"}); }, "51");
  refused(
      "thousands of tensors",
      [](auto& r) {
        for (int i = 0; i < 5000; ++i) r.add_inputs()->set_name(std::to_string(i));
      },
      "5002");
  refused(
      "shared memory",
      [](auto& r) { (*r.mutable_inputs(0)->mutable_parameters())["shared_memory_region"].set_string_param("region"); },
      "Unable to find shared memory region: 'region'", grpc::StatusCode::NOT_FOUND);
}

// The peak of this process in kB.
long PeakMemory() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stol(line.substr(6));
  }
  return 0;
}

TEST_F(InferCodec, AMessageThatWouldBeManyTimesAsLargeInMemoryIsRefusedBeforeItIsParsed) {
  constexpr std::size_t kBytes = 8 * 1024 * 1024;
  const auto repeated = [](std::string field) {
    while (field.size() < kBytes) field += std::string(field);
    return field;
  };
  const auto nested = [](char tag, const std::string& inner) {
    std::string length;
    for (std::size_t left = inner.size(); left > 0; left >>= 7) {
      length += static_cast<char>((left & 127) | (left > 127 ? 128 : 0));
    }
    return std::string(1, tag) + length + inner;
  };
  const auto empty = [](char tag) { return std::string{tag, '\0'}; };
  const std::vector<std::function<std::string()>> messages = {
      [&] { return repeated(empty('\x2A')); },                                  // inputs
      [&] { return repeated(empty('\x32')); },                                  // outputs
      [&] { return repeated(empty('\x3A')); },                                  // raw_input_contents
      [&] { return nested('\x2A', nested('\x2A', repeated(empty('\x42')))); },  // inputs.contents.bytes_contents
      [&] { return nested('\x2A', nested('\x1A', repeated("\x01"))); },         // inputs.shape
  };
  const long before = PeakMemory();
  for (const auto& message : messages) {
    const grpc::Slice slice(message());
    std::shared_ptr<const Payload> payload;
    const grpc::Status status = customers_.Read(grpc::ByteBuffer(&slice, 1), payload);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(rpc::Describe(status), HasSubstr("65536 fields"));
  }
  const auto rows = RowsOf(Read(Request({{1, 2}}, {"a"})));
  for (const char tag : {'\x2A', '\x32'}) {  // outputs, raw_output_contents
    const grpc::Slice slice(repeated(empty(tag)));
    const absl::Status status = backends_.Read(grpc::ByteBuffer(&slice, 1), rows).status();
    EXPECT_TRUE(absl::IsInternal(status));
    EXPECT_THAT(std::string(status.message()), HasSubstr("fields"));
  }
  EXPECT_LT(PeakMemory() - before, 80'000);  // a few copies of one message's bytes, and no tensors
}

TEST_F(InferCodec, ATypedAnswerMayHaveMillionsOfNumbers) {
  const auto rows = RowsOf(Read(Request({{1, 2}}, {"a"})));
  ModelInferResponse answer = AnswerTo(Sent(rows));
  answer.clear_raw_output_contents();
  auto& squares = *answer.mutable_outputs(0);
  squares.add_shape(1'000'000);
  for (int i = 0; i < 2'000'000; ++i) squares.mutable_contents()->add_int64_contents(i);
  answer.mutable_outputs(1)->mutable_contents()->add_bytes_contents("a");
  const auto results = Answered(answer, rows);
  EXPECT_TRUE(results.ok()) << results.status();
}

TEST_F(InferCodec, AnswersThatAreNoneToTheBatchAreInternalErrors) {
  const auto payload = Read(Request({{1, 2}, {3, 4}}, {"a", "b"}));
  const auto rows = RowsOf(payload);
  const ModelInferResponse good = AnswerTo(Sent(rows));
  ASSERT_TRUE(Answered(good, rows).ok());
  const auto broken = [&](const char* what, const std::function<void(ModelInferResponse&)>& change) {
    ModelInferResponse response = good;
    change(response);
    EXPECT_TRUE(absl::IsInternal(Answered(response, rows).status())) << what;
  };
  broken("too few rows", [](auto& r) { r.mutable_outputs(1)->set_shape(0, 1); });
  broken("too many rows", [](auto& r) { r.mutable_outputs(1)->set_shape(0, 3); });
  broken("no shape", [](auto& r) { r.mutable_outputs(1)->clear_shape(); });
  broken("another datatype", [](auto& r) { r.mutable_outputs(0)->set_datatype("FP64"); });
  broken("another length", [](auto& r) { r.mutable_outputs(0)->set_shape(1, 1); });
  broken("overflow", [](auto& r) { r.mutable_outputs(0)->add_shape(std::int64_t{1} << 62); });
  broken("no outputs", [](auto& r) {
    r.clear_outputs();
    r.clear_raw_output_contents();
  });
  broken("contents missing", [](auto& r) { r.mutable_raw_output_contents()->RemoveLast(); });
  broken("contents cut", [](auto& r) { r.mutable_raw_output_contents(1)->pop_back(); });
  broken("twice", [](auto& r) {
    *r.mutable_outputs(1) = r.outputs(0);
    *r.mutable_raw_output_contents(1) = r.raw_output_contents(0);
  });
  const grpc::Slice garbage(std::string(40, '\xff'));
  EXPECT_TRUE(absl::IsInternal(backends_.Read(grpc::ByteBuffer(&garbage, 1), rows).status()));
}

TEST_F(InferCodec, AnOutputThatWasAskedForAndIsNotThereIsAnInternalError) {
  ModelInferRequest request = Request({{1}}, {"a"});
  request.add_outputs()->set_name("echo");
  const auto rows = RowsOf(Read(request));
  ModelInferResponse response = AnswerTo(Sent(rows));
  response.mutable_outputs(1)->set_name("other");
  EXPECT_TRUE(absl::IsInternal(Answered(response, rows).status()));
}

}  // namespace
}  // namespace smartbatch::protocol::open_inference
