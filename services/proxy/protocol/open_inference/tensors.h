// Requests and answers of the Open Inference Protocol as rows, which are slices of tensors along their first dimension.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "inference/open_inference.pb.h"
#include "services/proxy/protocol/rows.h"

namespace smartbatch::protocol::open_inference {

// KServe's client and its models give a tensor the parameter `binary_data_size`: the bytes of its raw contents. If the
// tensor has that parameter, sets it: it differs between a request and its batch, and between the answers to the two.
inline void SetBinaryDataSize(google::protobuf::Map<std::string, inference::InferParameter>& parameters,
                              std::size_t bytes) {
  const auto found = parameters.find("binary_data_size");
  if (found != parameters.end()) found->second.set_int64_param(static_cast<std::int64_t>(bytes));
}

// A tensor of one or more rows in raw form.
struct Tensor {
  std::string name;
  std::string datatype;
  std::vector<std::int64_t> tail;  // its shape without the first dimension
  std::string raw;
  std::vector<std::size_t> offsets;  // where in `raw` each row begins, and where the last one ends

  std::string_view Row(std::uint32_t row) const {
    return std::string_view(raw).substr(offsets[row], offsets[row + 1] - offsets[row]);
  }
};

class InferPayload final : public Payload {
 public:
  // `head` is the request without the contents of its tensors, and without their sizes.
  InferPayload(inference::ModelInferRequest head, std::vector<Tensor> inputs, std::vector<std::uint32_t> lengths,
               std::string batch_key, Duration timeout)
      : head_(std::move(head)),
        inputs_(std::move(inputs)),
        lengths_(std::move(lengths)),
        batch_key_(std::move(batch_key)),
        timeout_(timeout) {
    bytes_ = static_cast<std::size_t>(head_.ByteSizeLong()) + batch_key_.size();
    for (const Tensor& input : inputs_) bytes_ += input.raw.size() + input.offsets.size() * sizeof(std::size_t);
  }

  const std::string& model() const override { return head_.model_name(); }
  std::span<const std::uint32_t> lengths() const override { return lengths_; }
  const std::string& batch_key() const override { return batch_key_; }
  Duration timeout() const override { return timeout_; }
  std::size_t bytes() const override { return bytes_; }

  const inference::ModelInferRequest& head() const { return head_; }
  const std::vector<Tensor>& inputs() const { return inputs_; }

 private:
  const inference::ModelInferRequest head_;
  const std::vector<Tensor> inputs_;
  const std::vector<std::uint32_t> lengths_;
  const std::string batch_key_;
  const Duration timeout_;
  std::size_t bytes_ = 0;
};

inline const InferPayload& PayloadOf(const RowRef& row) { return static_cast<const InferPayload&>(*row.payload); }

class InferAnswer final : public BatchAnswer {
 public:
  // `head` is the answer without its tensors. `lengths` are the lengths of the rows, `longest` is the largest of them.
  InferAnswer(inference::ModelInferResponse head, std::vector<Tensor> outputs, std::vector<std::uint32_t> lengths,
              std::uint32_t longest)
      : head_(std::move(head)), outputs_(std::move(outputs)), lengths_(std::move(lengths)), longest_(longest) {}

  const inference::ModelInferResponse& head() const { return head_; }
  const std::vector<Tensor>& outputs() const { return outputs_; }
  std::uint32_t LengthOf(std::uint32_t row) const { return lengths_[row]; }
  std::uint32_t longest() const { return longest_; }

 private:
  const inference::ModelInferResponse head_;
  const std::vector<Tensor> outputs_;
  const std::vector<std::uint32_t> lengths_;
  const std::uint32_t longest_;
};

inline const InferAnswer& AnswerOf(const RowResult& result) { return static_cast<const InferAnswer&>(*result.answer); }

}  // namespace smartbatch::protocol::open_inference
