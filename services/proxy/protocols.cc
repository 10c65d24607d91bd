#include "services/proxy/protocols.h"

#include <cstddef>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "common/file.h"
#include "common/word_pieces.h"
#include "services/proxy/protocol/classify/classify_codec.h"

namespace smartbatch::proxy {

using protocol::open_inference::InferBackendCodec;
using protocol::open_inference::InferCustomerCodec;
using protocol::open_inference::Model;
using protocol::open_inference::Models;
using protocol::open_inference::ModelSettings;

namespace {

// Null if lengths are counted in characters.
absl::StatusOr<std::shared_ptr<const WordPieces>> VocabularyOf(const v1::LengthConfig& length) {
  constexpr std::size_t kMostBytes = 64'000'000;  // that of a large model has 5 MB
  if (length.vocabulary().empty()) return nullptr;
  const auto text = ReadFile(length.vocabulary(), kMostBytes);
  if (!text.ok()) return text.status();
  auto pieces = WordPieces::FromVocabulary(*text, length.max_tokens());
  if (!pieces.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("length.vocabulary '", length.vocabulary(), "': ", std::string(pieces.status().message())));
  }
  return std::make_shared<const WordPieces>(*std::move(pieces));
}

}  // namespace

absl::StatusOr<BackendProtocol> BackendProtocolOf(const ModelChoice& choice) {
  const v1::LimitsConfig& limits = choice.config.settings.limits();
  auto vocabulary = VocabularyOf(choice.config.settings.length());
  if (!vocabulary.ok()) return vocabulary.status();
  BackendProtocol protocol;
  protocol.vocabulary = *std::move(vocabulary);
  if (choice.config.model().empty()) {
    protocol.codec = std::make_unique<protocol::classify::ClassifyBackendCodec>(limits.max_batch_size());
    return protocol;
  }
  const v1::OpenInferenceConfig& settings = choice.config.settings.open_inference();
  std::map<std::string, double> padded_inputs;
  for (const v1::PaddedInput& input : settings.padded_inputs()) padded_inputs[input.name()] = input.value();
  protocol.model = std::make_shared<Model>(
      ModelSettings{.name = choice.name,
                    .padded_inputs = {padded_inputs.begin(), padded_inputs.end()},
                    .trimmed_outputs = {settings.trimmed_outputs().begin(), settings.trimmed_outputs().end()},
                    .max_batch_size = limits.max_batch_size(),
                    .max_request_rows = limits.max_request_rows(),
                    .vocabulary = protocol.vocabulary,
                    .max_length = limits.max_sequence_length(),
                    .max_request_bytes = settings.max_request_bytes()});
  protocol.codec = std::make_unique<InferBackendCodec>(protocol.model);
  return protocol;
}

CustomerProtocol CustomerProtocolOf(const std::vector<ModelChoice>& choices,
                                    const std::vector<const BackendProtocol*>& backends) {
  if (choices.front().config.model().empty()) {
    std::vector<protocol::classify::ModelTexts> all;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      const v1::LimitsConfig& limits = choices[i].config.settings.limits();
      all.push_back(
          {choices[i].name,
           {.max_sequences = choices[i].config.max_request_rows(), .max_characters = limits.max_sequence_length()},
           backends[i]->vocabulary});
    }
    return {std::make_unique<protocol::classify::ClassifyCustomerCodec>(std::move(all))};
  }
  std::vector<std::shared_ptr<const Model>> models;
  for (const BackendProtocol* const backend : backends) models.push_back(backend->model);
  auto codec = std::make_unique<InferCustomerCodec>(Models(std::move(models)));
  const InferCustomerCodec* const infer = codec.get();
  return {std::move(codec), infer};
}

}  // namespace smartbatch::proxy
