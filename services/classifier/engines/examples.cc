#include "services/classifier/engines/examples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace smartbatch::classifier {
namespace {

// Of 5 to 40 the value with the smallest log loss over windows of sources and documents (docs/OPERATIONS.md).
constexpr double kSharpness = 20;

}  // namespace

absl::StatusOr<std::vector<Example>> ParseExamples(std::string_view lines) {
  std::vector<Example> examples;
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(line.size() + 1, lines.size()));
    const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
    const auto text_of = [&json](const char* key) -> const std::string* {
      const auto found = json.is_object() ? json.find(key) : json.end();
      return found == json.end() ? nullptr : found->get_ptr<const std::string*>();
    };
    const std::string* const label = text_of("label");
    const std::string* const text = text_of("text");
    if (label == nullptr || text == nullptr || label->empty() || text->empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, R"( of the examples is not {"label": "...", "text": "..."})"));
    }
    examples.push_back({*label, *text});
  }
  if (examples.empty()) return absl::InvalidArgumentError("there are no examples");
  return examples;
}

Answer ExampleVote::Vote(std::vector<float> embedding) const {
  std::vector<std::pair<std::string, double>> weights;  // by label, in the order of the examples; few
  double total = 0;
  for (const Answer& example : examples_) {
    const double cosine = std::inner_product(embedding.begin(), embedding.end(), example.embedding.begin(), 0.0);
    const double weight = std::exp(kSharpness * cosine);
    total += weight;
    const auto same =
        std::find_if(weights.begin(), weights.end(), [&](const auto& known) { return known.first == example.label; });
    if (same == weights.end()) {
      weights.emplace_back(example.label, weight);
    } else {
      same->second += weight;
    }
  }
  const auto best = std::max_element(weights.begin(), weights.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return {best->first, best->second / total, std::move(embedding)};
}

}  // namespace smartbatch::classifier
