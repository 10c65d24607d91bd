// The models that an engine serves by the Open Inference Protocol. Pure functions, thread safe.
//
// The name of the engine is the model for texts: input `text`, BYTES [n, 1]. An engine that reads tokens serves another
// one, NAME-tokens: inputs `input_ids` and `attention_mask`, INT64 [n, L]. Outputs of both are `label`, BYTES [n, 1],
// `confidence`, FP32 [n, 1], and `embedding`, FP32 [n, width], if the engine computes any.
#pragma once

#include <grpcpp/support/status.h>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "inference/open_inference.pb.h"
#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

inline constexpr char kModelVersion[] = "1";
inline constexpr char kText[] = "text";
inline constexpr char kIds[] = "input_ids";
inline constexpr char kMask[] = "attention_mask";
inline constexpr char kLabel[] = "label";
inline constexpr char kConfidence[] = "confidence";
inline constexpr char kEmbedding[] = "embedding";

enum class ModelInput { kTexts, kTokens };

// What the model of that name and version reads; nothing if there is none. An empty version is the only one.
std::optional<ModelInput> FindModel(const EngineDescription& engine, std::string_view name, std::string_view version);

// NOT_FOUND, as Triton says it.
grpc::Status UnknownModel(const std::string& name, const std::string& version);

inference::ModelMetadataResponse MetadataOf(const EngineDescription& engine, ModelInput input);
// `max_rows` is the most in a request.
inference::ModelConfig ConfigOf(const EngineDescription& engine, ModelInput input, std::size_t max_rows);

}  // namespace smartbatch::classifier
