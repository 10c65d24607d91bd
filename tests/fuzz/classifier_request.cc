// A request that the classifier reads by the Open Inference Protocol. One that is accepted has rows within the engine's
// description, and its answer is well formed.
#include <string>
#include <variant>
#include <vector>

#include "services/classifier/infer_exchange.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "services/tensors/elements.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

using classifier::Answer;
using classifier::EngineDescription;
using classifier::InferExchange;
using classifier::TokenRows;

const EngineDescription kEngine{.name = "m", .embedding_width = 2, .vocabulary = 100, .most_tokens = 8};
constexpr rpc::SequenceLimits kLimits{.max_sequences = 4, .max_characters = 16};

void RequireWithinTheDescription(const InferExchange& exchange) {
  const std::size_t rows = exchange.row_count();
  Require(rows >= 1 && rows <= kLimits.max_sequences, "a request has as many rows as are allowed");
  if (const auto* const texts = std::get_if<std::vector<std::string>>(&exchange.rows())) {
    Require(texts->size() == rows, "each row has a text");
    Require(exchange.longest() >= 1 && exchange.longest() <= kLimits.max_characters, "a text is as long as is allowed");
    return;
  }
  const auto& tokens = std::get<TokenRows>(exchange.rows());
  Require(tokens.columns >= 1 && tokens.columns <= kEngine.most_tokens, "a row is as long as is allowed");
  Require(tokens.ids.size() == rows * tokens.columns && tokens.mask.size() == tokens.ids.size(),
          "ids and mask have the rows' shape");
  for (std::size_t row = 0; row < rows; ++row) {
    std::int64_t seen = 0;
    for (std::size_t i = row * tokens.columns; i < (row + 1) * tokens.columns; ++i) {
      Require(tokens.ids[i] >= 0 && tokens.ids[i] < 100, "an id is one of the vocabulary");
      Require(tokens.mask[i] == 0 || tokens.mask[i] == 1, "a mask is 0 or 1");
      seen += tokens.mask[i];
    }
    Require(seen > 0, "a row has a token");
  }
}

void RequireAnAnswer(const InferExchange& exchange) {
  const std::vector<Answer> answers(exchange.row_count(), Answer{"label", 0.5, {1, 2}});
  inference::ModelInferResponse response;
  Require(rpc::ParseMessage(exchange.Write(answers), response).ok(), "an answer is a message");
  Require(response.outputs_size() >= 1 && response.outputs_size() == response.raw_output_contents_size(),
          "each output has its contents");
  for (int i = 0; i < response.outputs_size(); ++i) {
    const auto& output = response.outputs(i);
    Require(output.shape_size() == 2 && output.shape(0) == static_cast<std::int64_t>(answers.size()),
            "an output has all rows", output.name());
    Require(tensors::RowOffsets(output.datatype(), response.raw_output_contents(i), answers.size(),
                                static_cast<std::uint64_t>(output.shape(1)))
                .ok(),
            "an output's contents are those of its shape", output.name());
  }
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace smartbatch;
  const grpc::Slice slice(data, size);
  fuzz::InferExchange exchange(fuzz::kEngine, fuzz::kLimits);
  const grpc::Status status = exchange.Read(grpc::ByteBuffer(&slice, 1));
  if (!status.ok()) {
    fuzz::RequireOneLine(status.error_message());
    fuzz::RequireOneLine(rpc::Describe(status));
    return 0;
  }
  fuzz::RequireWithinTheDescription(exchange);
  fuzz::RequireAnAnswer(exchange);
  return 0;
}
