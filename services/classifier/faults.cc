#include "services/classifier/faults.h"

#include <algorithm>

namespace smartbatch::classifier {
namespace {

bool AnyContains(const std::vector<std::string>& sequences, const std::string& bad) {
  return !bad.empty() && std::any_of(sequences.begin(), sequences.end(),
                                     [&bad](const std::string& text) { return text.find(bad) != std::string::npos; });
}

}  // namespace

Fault FaultOptions::Decide(std::uint64_t batch_number, const std::vector<std::string>& sequences) const {
  return AnyContains(sequences, poison) ? Fault::kError : rates.Draw(batch_number);
}

bool FaultOptions::EndTheClassifier(const std::vector<std::string>& sequences) const {
  return AnyContains(sequences, crash);
}

}  // namespace smartbatch::classifier
