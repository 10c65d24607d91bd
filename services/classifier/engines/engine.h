// What answers the classifier's batches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"

namespace smartbatch::classifier {

// The answer to one row of a batch.
struct Answer {
  std::string label;
  double confidence = 0;         // from 0 to 1
  std::vector<float> embedding;  // EngineDescription::embedding_width numbers
};

// Rows of the ids of tokens, padded to the same length: as many numbers in `ids` and `mask` as rows times columns, row
// by row.
struct TokenRows {
  std::size_t columns = 1;
  std::vector<std::int64_t> ids;
  std::vector<std::int64_t> mask;  // 1 for a token, 0 for padding; each row has a token

  std::size_t rows() const { return ids.size() / columns; }
};

// The rows of a batch, at least one: texts, or what they become for the model.
using BatchRows = std::variant<std::vector<std::string>, TokenRows>;

struct EngineDescription {
  std::string name;                 // its model's, in the Open Inference Protocol
  std::size_t embedding_width = 0;  // 0: it computes none
  // Rows of tokens that it reads: ids below `vocabulary`, at most `most_tokens` in a row. 0: it reads texts alone.
  std::size_t vocabulary = 0;
  std::size_t most_tokens = 0;
};

// Answers batches. Thread safe: each slot runs a batch of its own.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const EngineDescription& description() const = 0;
  // Returns an answer to each row, in order: the answer that the row would get alone. Returns after as long as the
  // engine computes. Requires rows within the description.
  // Errors: INTERNAL if the engine fails.
  virtual absl::StatusOr<std::vector<Answer>> Run(const BatchRows& rows) const = 0;
};

}  // namespace smartbatch::classifier
