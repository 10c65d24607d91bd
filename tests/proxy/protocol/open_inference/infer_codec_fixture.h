// A model with padded ids and texts, and what is sent to it and answered, as matrices made by hand.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/rpc/raw_message.h"

namespace smartbatch::protocol::open_inference {
using inference::ModelInferRequest;
using inference::ModelInferResponse;
using Row = std::vector<std::int64_t>;
using Matrix = std::vector<Row>;

template <class Value>
std::string Raw(const std::vector<Value>& values) {
  std::string raw(values.size() * sizeof(Value), '\0');
  std::memcpy(raw.data(), values.data(), raw.size());
  return raw;
}
inline std::string RawOf(const Matrix& matrix) {
  std::string raw;
  for (const Row& row : matrix) raw += Raw(row);
  return raw;
}
inline std::string RawText(const std::vector<std::string>& texts) {
  std::string raw;
  for (const std::string& text : texts) raw += Raw(std::vector{static_cast<std::uint32_t>(text.size())}) + text;
  return raw;
}

inline inference::ModelMetadataResponse Metadata() {
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

}  // namespace smartbatch::protocol::open_inference
