// Labels from examples: a text gets the label of the examples that its embedding is near to.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

struct Example {
  std::string label;
  std::string text;
};

// Reads lines of {"label", "text"}. INVALID_ARGUMENT, naming the line, if one is none, or if there is no line.
absl::StatusOr<std::vector<Example>> ParseExamples(std::string_view lines);

// Kernel regression over the examples (Nadaraya, "On Estimating Regression", 1964; Watson, "Smooth Regression
// Analysis", 1964): each votes for its label with the weight exp(20 c), c the cosine between its embedding and the
// text's. Immutable, thread safe.
class ExampleVote {
 public:
  // An example for each of `answers`, at least one, whose label and embedding, of length 1, it has.
  explicit ExampleVote(std::vector<Answer> examples) : examples_(std::move(examples)) {}

  // Returns the embedding, of length 1, with the label that has most of the weight, the first one of the examples if
  // several have, and the share of the weight that it has as the confidence.
  Answer Vote(std::vector<float> embedding) const;

 private:
  const std::vector<Answer> examples_;
};

}  // namespace smartbatch::classifier
