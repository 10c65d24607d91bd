#include "services/proxy/protocols.h"

#include <map>
#include <string>
#include <utility>

#include <absl/status/status.h>
#include <absl/strings/str_cat.h>

#include "common/file.h"
#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/proxy/protocol/lengths/word_pieces.h"

namespace smartbatch::proxy {

using protocol::WordPieces;
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

absl::StatusOr<Protocols> ProtocolsOf(const Config& config) {
  const v1::LimitsConfig& limits = config.settings.limits();
  auto vocabulary = VocabularyOf(config.settings.length());
  if (!vocabulary.ok()) return vocabulary.status();
  Protocols protocols;
  if (config.model().empty()) {
    const rpc::SequenceLimits sequences{.max_sequences = limits.max_batch_size(),
                                        .max_characters = limits.max_sequence_length()};
    protocols.customers =
        std::make_unique<protocol::classify::ClassifyCustomerCodec>(sequences, *std::move(vocabulary));
    protocols.backends = std::make_unique<protocol::classify::ClassifyBackendCodec>(limits.max_batch_size());
    return protocols;
  }
  const v1::OpenInferenceConfig& settings = choice.config.settings.open_inference();
  std::map<std::string, double> padded_inputs;
  for (const v1::PaddedInput& input : settings.padded_inputs()) padded_inputs[input.name()] = input.value();
  auto model = std::make_shared<Model>(
      ModelSettings{.name = choice.name,
                    .padded_inputs = {padded_inputs.begin(), padded_inputs.end()},
                    .trimmed_outputs = {settings.trimmed_outputs().begin(), settings.trimmed_outputs().end()},
                    .max_rows = limits.max_batch_size(),
                    .vocabulary = *std::move(vocabulary),
                    .max_length = limits.max_sequence_length(),
                    .max_request_bytes = settings.max_request_bytes()});
  auto codec = std::make_unique<InferBackendCodec>(model);
  return {std::move(model), std::move(codec)};
}

CustomerProtocol CustomerProtocolOf(const std::vector<ModelChoice>& choices,
                                    std::vector<std::shared_ptr<const Model>> models) {
  if (choices.front().config.model().empty()) {
    std::vector<protocol::classify::ModelLimits> all;
    for (const ModelChoice& choice : choices) {
      const v1::LimitsConfig& limits = choice.config.settings.limits();
      all.push_back(
          {choice.name, {.max_sequences = limits.max_batch_size(), .max_characters = limits.max_sequence_length()}});
    }
    return {std::make_unique<protocol::classify::ClassifyCustomerCodec>(std::move(all))};
  }
  auto codec = std::make_unique<InferCustomerCodec>(Models(std::move(models)));
  const InferCustomerCodec* const infer = codec.get();
  return {std::move(codec), infer};
}

}  // namespace smartbatch::proxy
