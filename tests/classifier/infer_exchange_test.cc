// What ModelInfer reads and writes, with an engine that reads tokens.
#include "services/classifier/infer_exchange.h"

#include <cstring>
#include <functional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>

#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"

namespace smartbatch::classifier {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::string_literals;

const EngineDescription kEngine{.name = "model", .embedding_width = 2, .vocabulary = 100, .most_tokens = 6};
constexpr rpc::SequenceLimits kLimits{.max_sequences = 3, .max_characters = 5};

std::string RawIntegers(const std::vector<std::int64_t>& numbers) {
  std::string raw(numbers.size() * sizeof(std::int64_t), '\0');
  std::memcpy(raw.data(), numbers.data(), raw.size());
  return raw;
}

void AddInput(ModelInferRequest& request, const std::string& name, const std::string& datatype,
              const std::vector<std::int64_t>& shape, const std::string& raw) {
  auto& input = *request.add_inputs();
  input.set_name(name);
  input.set_datatype(datatype);
  input.mutable_shape()->Add(shape.begin(), shape.end());
  request.add_raw_input_contents(raw);
}

ModelInferRequest TextRequest() {
  ModelInferRequest request;
  request.set_model_name("model");
  request.set_id("seven");
  AddInput(request, "text", "BYTES", {2, 1}, "\x01\x00\x00\x00"s + "a" + "\x03\x00\x00\x00"s + "€");
  return request;
}

ModelInferRequest TokenRequest() {
  ModelInferRequest request;
  request.set_model_name("model-tokens");
  AddInput(request, "attention_mask", "INT64", {2, 3}, RawIntegers({1, 1, 0, 1, 1, 1}));
  AddInput(request, "input_ids", "INT64", {2, 3}, RawIntegers({5, 6, 0, 7, 8, 99}));
  return request;
}

grpc::Status Read(const ModelInferRequest& request, InferExchange& exchange) {
  return exchange.Read(rpc::SerializeMessage(request));
}

std::vector<float> Floats(const std::string& raw) {
  std::vector<float> numbers(raw.size() / sizeof(float));
  std::memcpy(numbers.data(), raw.data(), raw.size());
  return numbers;
}

TEST(InferExchange, ReadsTexts) {
  InferExchange exchange(kEngine, kLimits);
  const grpc::Status status = Read(TextRequest(), exchange);
  ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  EXPECT_THAT(std::get<std::vector<std::string>>(exchange.rows()), ElementsAre("a", "€"));
  EXPECT_EQ(exchange.row_count(), 2U);
  EXPECT_EQ(exchange.longest(), 1U);  // characters
}

TEST(InferExchange, ReadsTokensInAnyOrderOfTheInputs) {
  InferExchange exchange(kEngine, kLimits);
  const grpc::Status status = Read(TokenRequest(), exchange);
  ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  const auto& rows = std::get<TokenRows>(exchange.rows());
  EXPECT_EQ(rows.columns, 3U);
  EXPECT_THAT(rows.ids, ElementsAre(5, 6, 0, 7, 8, 99));
  EXPECT_THAT(rows.mask, ElementsAre(1, 1, 0, 1, 1, 1));
  EXPECT_EQ(exchange.row_count(), 2U);
  EXPECT_EQ(exchange.longest(), 3U);
}

TEST(InferExchange, ReadsTypedContentsAsRawOnes) {
  ModelInferRequest request = TokenRequest();
  request.clear_raw_input_contents();
  for (const std::int64_t number : {1, 1, 0, 1, 1, 1}) {
    request.mutable_inputs(0)->mutable_contents()->add_int64_contents(number);
  }
  for (const std::int64_t number : {5, 6, 0, 7, 8, 99}) {
    request.mutable_inputs(1)->mutable_contents()->add_int64_contents(number);
  }
  InferExchange exchange(kEngine, kLimits);
  const grpc::Status status = Read(request, exchange);
  ASSERT_TRUE(status.ok()) << rpc::Describe(status);
  EXPECT_THAT(std::get<TokenRows>(exchange.rows()).ids, ElementsAre(5, 6, 0, 7, 8, 99));
}

ModelInferResponse Written(const InferExchange& exchange) {
  ModelInferResponse response;
  EXPECT_TRUE(rpc::ParseMessage(exchange.Write({{"code", 0.75, {1, 2}}, {"prose", 0.5, {3, 4}}}), response).ok());
  return response;
}

TEST(InferExchange, WritesEveryOutputByRows) {
  InferExchange exchange(kEngine, kLimits);
  ASSERT_TRUE(Read(TextRequest(), exchange).ok());
  const ModelInferResponse response = Written(exchange);
  EXPECT_EQ(response.model_name(), "model");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_EQ(response.id(), "seven");
  ASSERT_EQ(response.outputs_size(), 3);
  ASSERT_EQ(response.raw_output_contents_size(), 3);
  EXPECT_EQ(response.outputs(0).name(), "label");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 1));
  EXPECT_EQ(response.raw_output_contents(0), "\x04\x00\x00\x00"s + "code" + "\x05\x00\x00\x00"s + "prose");
  EXPECT_EQ(response.outputs(1).name(), "confidence");
  EXPECT_THAT(Floats(response.raw_output_contents(1)), ElementsAre(0.75F, 0.5F));
  EXPECT_EQ(response.outputs(2).name(), "embedding");
  EXPECT_THAT(response.outputs(2).shape(), ElementsAre(2, 2));
  EXPECT_THAT(Floats(response.raw_output_contents(2)), ElementsAre(1, 2, 3, 4));
}

TEST(InferExchange, WritesOnlyTheOutputsThatWereAskedFor) {
  ModelInferRequest request = TextRequest();
  request.add_outputs()->set_name("embedding");
  InferExchange exchange(kEngine, kLimits);
  ASSERT_TRUE(Read(request, exchange).ok());
  const ModelInferResponse response = Written(exchange);
  ASSERT_EQ(response.outputs_size(), 1);
  EXPECT_EQ(response.outputs(0).name(), "embedding");
  EXPECT_THAT(Floats(response.raw_output_contents(0)), ElementsAre(1, 2, 3, 4));
}

using Change = std::function<void(ModelInferRequest&)>;

struct WrongRequest {
  const char* what;
  ModelInferRequest request;
  Change change;
  const char* words;  // of the error
};

TEST(InferExchange, RefusesWhatIsWrongAndNamesIt) {
  const auto raw = [](int input, const std::string& bytes) -> Change {
    return [input, bytes](ModelInferRequest& request) { *request.mutable_raw_input_contents(input) = bytes; };
  };
  const auto shape = [](int input, std::int64_t rows, std::int64_t columns) -> Change {
    return [=](ModelInferRequest& request) {
      request.mutable_inputs(input)->set_shape(0, rows);
      request.mutable_inputs(input)->set_shape(1, columns);
    };
  };
  const std::vector<WrongRequest> cases = {
      {"no input", TextRequest(), [](auto& r) { r.clear_inputs(); }, "0 inputs; the model model has 1"},
      {"another input", TextRequest(), [](auto& r) { r.mutable_inputs(0)->set_name("ids"); }, "'ids'"},
      {"the same input twice", TokenRequest(), [](auto& r) { r.mutable_inputs(0)->set_name("input_ids"); }, "twice"},
      {"another datatype", TextRequest(), [](auto& r) { r.mutable_inputs(0)->set_datatype("INT8"); },
       "'INT8'; send BYTES"},
      {"one dimension", TextRequest(), [](auto& r) { r.mutable_inputs(0)->mutable_shape()->RemoveLast(); }, "[2]"},
      {"no row", TextRequest(), shape(0, 0, 1), "[0,1]; [1 to 3, 1]"},
      {"too many rows", TextRequest(), shape(0, 4, 1), "[4,1]; [1 to 3, 1]"},
      {"a shape that overflows", TextRequest(), shape(0, std::int64_t{1} << 62, 4), "[1 to 3, 1]"},
      {"too many tokens", TokenRequest(), shape(0, 2, 7), "[2,7]; [1 to 3, 1 to 6]"},
      {"a negative dimension", TokenRequest(), shape(0, 2, -1), "[2,-1]"},
      {"rows that differ", TokenRequest(), shape(1, 1, 6), "1 rows and another input has 2"},
      {"lengths that differ", TokenRequest(),
       [](auto& r) {
         r.mutable_inputs(1)->set_shape(1, 2);
         *r.mutable_raw_input_contents(1) = RawIntegers({1, 2, 3, 4});
       },
       "send the same"},
      {"contents cut short", TokenRequest(), raw(1, RawIntegers({5, 6, 0, 7, 8})), "40 bytes"},
      {"a text cut short", TextRequest(), raw(0, "\x09\x00\x00\x00"s + "a" + "\x01\x00\x00\x00"s + "b"), "cut short"},
      {"no contents", TextRequest(), [](auto& r) { r.clear_raw_input_contents(); }, "'text'"},
      {"raw contents for one of two inputs", TokenRequest(),
       [](auto& r) { r.mutable_raw_input_contents()->RemoveLast(); }, "1 raw contents for 2 inputs"},
      {"raw and typed contents", TextRequest(),
       [](auto& r) { r.mutable_inputs(0)->mutable_contents()->add_bytes_contents("a"); }, "raw and typed"},
      {"an empty text", TextRequest(), raw(0, "\x01\x00\x00\x00"s + "a" + "\x00\x00\x00\x00"s), "text[1]"},
      {"a text that is too long", TextRequest(), raw(0, "\x06\x00\x00\x00"s + "abcdef" + "\x01\x00\x00\x00"s + "b"),
       "text[0]"},
      {"a text that is not UTF-8", TextRequest(), raw(0, "\x01\x00\x00\x00"s + "\xFF" + "\x01\x00\x00\x00"s + "b"),
       "UTF-8"},
      {"an id beyond the vocabulary", TokenRequest(), raw(1, RawIntegers({5, 6, 0, 7, 8, 100})),
       "row 1 has the id 100; 0 to 99"},
      {"a negative id", TokenRequest(), raw(1, RawIntegers({-5, 6, 0, 7, 8, 9})), "row 0 has the id -5"},
      {"a mask of 2", TokenRequest(), raw(0, RawIntegers({1, 2, 0, 1, 1, 1})), "row 0 has the value 2"},
      {"a row without a token", TokenRequest(), raw(0, RawIntegers({1, 1, 0, 0, 0, 0})), "row 1 has no token"},
      {"an output that is not there", TextRequest(), [](auto& r) { r.add_outputs()->set_name("logits"); }, "'logits'"},
  };
  for (const WrongRequest& wrong : cases) {
    ModelInferRequest request = wrong.request;
    wrong.change(request);
    InferExchange exchange(kEngine, kLimits);
    const grpc::Status status = Read(request, exchange);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << wrong.what;
    EXPECT_THAT(rpc::Describe(status), HasSubstr(wrong.words)) << wrong.what;
  }
}

TEST(InferExchange, DoesNotFindOtherModelsNorOtherVersions) {
  for (const auto& [name, version] : {std::pair("nope", ""), std::pair("model", "2"), std::pair("", "")}) {
    ModelInferRequest request = TextRequest();
    request.set_model_name(name);
    request.set_model_version(version);
    InferExchange exchange(kEngine, kLimits);
    EXPECT_EQ(Read(request, exchange).error_code(), grpc::StatusCode::NOT_FOUND) << name << version;
  }
  EngineDescription without_tokens = kEngine;
  without_tokens.vocabulary = 0;
  InferExchange exchange(without_tokens, kLimits);
  EXPECT_EQ(Read(TokenRequest(), exchange).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace smartbatch::classifier
