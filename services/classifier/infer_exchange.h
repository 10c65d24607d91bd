// ModelInfer, of the Open Inference Protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "inference/open_inference.pb.h"
#include "services/classifier/exchange.h"
#include "services/classifier/served_models.h"
#include "services/rpc/sequences.h"

namespace smartbatch::classifier {

// A request for one of the models of an engine (served_models.h), with raw or typed contents. Parameters are ignored.
class InferExchange final : public Exchange {
 public:
  // `engine` must outlive it. Reads at most as many rows, and as long texts, as the limits allow.
  InferExchange(const EngineDescription& engine, const rpc::SequenceLimits& limits)
      : engine_(engine), limits_(limits) {}

  // NOT_FOUND: an unknown model. INVALID_ARGUMENT: everything else that is wrong.
  grpc::Status Read(const grpc::ByteBuffer& request) override;
  const BatchRows& rows() const override { return rows_; }
  std::size_t row_count() const override { return count_; }
  std::size_t longest() const override { return longest_; }
  grpc::ByteBuffer Write(const std::vector<Answer>& answers) const override;

 private:
  // An input in raw form.
  struct Input {
    std::string raw;
    std::vector<std::size_t> offsets;  // where each row begins, and where the last one ends
    std::int64_t columns = 0;
  };
  using Inputs = std::map<std::string, Input>;

  // The inputs of the model by their names, with as many rows each.
  grpc::Status ReadInputs(Inputs& inputs);
  grpc::Status ReadInput(int index, Input& input);
  grpc::Status CheckOutputs() const;
  grpc::Status ReadTexts(const Input& text);
  grpc::Status ReadTokens(const Input& ids, const Input& mask);
  bool IsWanted(const std::string& output) const;

  const EngineDescription& engine_;
  const rpc::SequenceLimits limits_;
  inference::ModelInferRequest request_;
  inference::ModelMetadataResponse model_;
  BatchRows rows_;
  std::size_t count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace smartbatch::classifier
