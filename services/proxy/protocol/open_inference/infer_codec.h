// The codecs of the Open Inference Protocol's ModelInfer, for customers and for backends.
#pragma once

#include <memory>

#include "services/proxy/protocol/codec.h"
#include "services/proxy/protocol/open_inference/model.h"

namespace smartbatch::protocol::open_inference {

// Checks a ModelInferRequest before it is parsed. INVALID_ARGUMENT if it would take far more memory than it has bytes.
grpc::Status CheckWeight(const grpc::ByteBuffer& message);

// The customers' codec. It checks requests as Triton does, before anything is made of them, so that backends get only
// well-formed requests, whatever server they are.
class InferCustomerCodec final : public CustomerCodec {
 public:
  explicit InferCustomerCodec(Models models) : models_(std::move(models)) {}

  const Method& method() const override;
  double max_request_bytes() const override;
  // INVALID_ARGUMENT names the wrong tensor (google.rpc.BadRequest). NOT_FOUND for another model, an unknown version or
  // a region of shared memory, since the proxy has none. UNIMPLEMENTED if the model cannot be batched. UNAVAILABLE
  // until the model is known.
  grpc::Status Read(const grpc::ByteBuffer& message, std::shared_ptr<const Payload>& payload) const override;
  grpc::Status Read(inference::ModelInferRequest request, std::shared_ptr<const Payload>& payload) const;
  absl::StatusOr<grpc::ByteBuffer> Write(const Payload& payload, std::span<const RowResult> results,
                                         const Timings& timings) const override;
  // The same as Write, into an empty message, for a stream. After an error the message is of no use.
  absl::Status Answer(const Payload& payload, std::span<const RowResult> results,
                      inference::ModelInferResponse& response) const;
  const Models& models() const { return models_; }

 private:
  const Models models_;
};

class InferBackendCodec final : public BackendCodec {
 public:
  explicit InferBackendCodec(std::shared_ptr<const Model> model) : model_(std::move(model)) {}

  const Method& method() const override;
  // ModelReady, which every server of the protocol has.
  HealthQuestion health() const override;
  // max_request_bytes for each row of the largest batch, but at most 1 GiB.
  int max_answer_bytes() const override;
  grpc::ByteBuffer Write(std::span<const RowRef> rows) const override;
  absl::StatusOr<BatchResults> Read(const grpc::ByteBuffer& message, std::span<const RowRef> rows) const override;

 private:
  const std::shared_ptr<const Model> model_;
};

}  // namespace smartbatch::protocol::open_inference
