// The Open Inference Protocol's messages: with an even first byte a customer's request, with an odd one a backend's
// answer to a batch of three rows. A message that is accepted is well formed.
#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "services/tensors/elements.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using protocol::RowRef;
using namespace protocol::open_inference;

constexpr std::uint32_t kMostRows = 4;
constexpr std::uint32_t kLongest = 64;

std::shared_ptr<Model> MakeModel() {
  auto model = std::make_shared<Model>(ModelSettings{.name = "m",
                                                     .padded_inputs = {{"ids", 1}},
                                                     .trimmed_outputs = {"out"},
                                                     .max_batch_size = kMostRows,
                                                     .max_length = kLongest});
  inference::ModelMetadataResponse metadata;
  metadata.add_versions(std::string("1"));
  const auto add = [](auto& tensors, const char* name, const char* datatype, std::int64_t second) {
    auto& tensor = *tensors.Add();
    tensor.set_name(name);
    tensor.set_datatype(datatype);
    tensor.add_shape(-1);
    tensor.add_shape(second);
  };
  add(*metadata.mutable_inputs(), "ids", "INT32", -1);
  add(*metadata.mutable_inputs(), "text", "BYTES", 1);
  add(*metadata.mutable_outputs(), "out", "INT32", -1);
  model->Set(std::make_shared<const ModelDescription>(*Describe(model->settings(), metadata, std::nullopt)));
  return model;
}

const std::shared_ptr<Model>& TheModel() {
  static const auto* const model = new std::shared_ptr<Model>(MakeModel());
  return *model;
}

ModelInferRequest GoodRequest(int rows, int length) {
  ModelInferRequest request;
  request.set_model_name("m");
  auto& ids = *request.add_inputs();
  ids.set_name("ids");
  ids.set_datatype("INT32");
  ids.add_shape(rows);
  ids.add_shape(length);
  auto& text = *request.add_inputs();
  text.set_name("text");
  text.set_datatype("BYTES");
  text.add_shape(rows);
  text.add_shape(1);
  request.add_raw_input_contents()->resize(static_cast<std::size_t>(rows * length * 4), '\2');
  request.add_raw_input_contents()->resize(static_cast<std::size_t>(rows * 4));
  return request;
}

std::shared_ptr<const protocol::Payload> PayloadOf(const ModelInferRequest& request) {
  std::shared_ptr<const protocol::Payload> payload;
  Require(InferCustomerCodec(Models({TheModel()})).Read(rpc::SerializeMessage(request), payload).ok(),
          "a good request is taken");
  return payload;
}

// Each tensor has exactly the bytes that its shape says.
template <class Tensors, class Contents>
void RequireWellFormed(const Tensors& tensors, const Contents& contents, std::int64_t rows) {
  Require(tensors.size() == contents.size(), "each tensor has its contents");
  for (int i = 0; i < tensors.size(); ++i) {
    const auto& shape = tensors[i].shape();
    Require(shape.size() >= 1 && shape[0] == rows, "a tensor has all rows", tensors[i].name());
    const std::int64_t elements = std::accumulate(shape.begin() + 1, shape.end(), std::int64_t{1}, std::multiplies<>());
    Require(tensors::RowOffsets(tensors[i].datatype(), contents[i], static_cast<std::uint64_t>(rows),
                                static_cast<std::uint64_t>(elements))
                .ok(),
            "a tensor's contents are those of its shape", tensors[i].name());
  }
}

void PlayRequest(const grpc::ByteBuffer& message) {
  std::shared_ptr<const protocol::Payload> payload;
  const grpc::Status status = InferCustomerCodec(Models({TheModel()})).Read(message, payload);
  if (!status.ok()) {
    Require(payload == nullptr, "nothing is made of a wrong request");
    RequireOneLine(status.error_message());
    return RequireOneLine(rpc::Describe(status));
  }
  const auto lengths = payload->lengths();
  Require(!lengths.empty() && lengths.size() <= kMostRows, "a request has as many rows as are allowed");
  for (const std::uint32_t length : lengths) Require(length >= 1 && length <= kLongest, "a row has a length");
  Require(payload->timeout() > Duration::zero(), "a timeout is in the future");
  // Its first row, one of a good request if they may go together, and all of its rows.
  std::vector<RowRef> rows = {{payload, 0}};
  const auto other = PayloadOf(GoodRequest(1, 5));
  if (other->batch_key() == payload->batch_key()) rows.push_back({other, 0});
  for (std::uint32_t row = 0; row < lengths.size(); ++row) rows.push_back({payload, row});
  ModelInferRequest batch;
  const InferBackendCodec backends(TheModel());
  Require(rpc::ParseMessage(backends.Write(rows), batch).ok(), "a batch is a message");
  Require(batch.parameters().count("timeout") == 0, "a request's timeout ends at the proxy");
  RequireWellFormed(batch.inputs(), batch.raw_input_contents(), static_cast<std::int64_t>(rows.size()));
}

void PlayAnswer(const grpc::ByteBuffer& message) {
  static const auto* const longer = new auto(PayloadOf(GoodRequest(2, 3)));
  static const auto* const shorter = new auto(PayloadOf(GoodRequest(1, 2)));
  const std::vector<RowRef> rows = {{*longer, 0}, {*shorter, 0}, {*longer, 1}};
  const auto results = InferBackendCodec(TheModel()).Read(message, rows);
  if (!results.ok()) {
    Require(absl::IsInternal(results.status()), "a wrong answer is INTERNAL");
    return RequireOneLine(std::string(results.status().message()));
  }
  Require(results->size() == rows.size(), "an answer has a result for each row");
  const std::vector<protocol::RowResult> own = {(*results)[0], (*results)[2]};
  const auto told = InferCustomerCodec(Models({TheModel()})).Write(**longer, own, {});
  Require(told.ok(), "rows of one answer make an answer");
  ModelInferResponse response;
  Require(rpc::ParseMessage(*told, response).ok(), "an answer is a message");
  RequireWellFormed(response.outputs(), response.raw_output_contents(), 2);
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const grpc::Slice slice(data + 1, size - 1);
  const grpc::ByteBuffer message(&slice, 1);
  if (data[0] % 2 == 0) {
    smartbatch::fuzz::PlayRequest(message);
  } else {
    smartbatch::fuzz::PlayAnswer(message);
  }
  return 0;
}
