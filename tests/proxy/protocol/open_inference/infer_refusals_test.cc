// Requests that are wrong, and answers that are none to their batch.
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "tests/proxy/protocol/open_inference/infer_codec_fixture.h"

namespace smartbatch::protocol::open_inference {
namespace {

using ::testing::HasSubstr;

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
