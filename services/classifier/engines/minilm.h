// The engine `minilm`: the model all-MiniLM-L6-v2 (Wang et al., "MiniLM", 2020; Reimers and Gurevych, "Sentence-BERT",
// 2019) on the processor, by OpenVINO.
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/classifier/engines/engine.h"

namespace smartbatch::classifier {

// Reads `model`/model.onnx and `model`/vocab.txt, and computes the embeddings of the examples (examples.h): about a
// second. Each of the `slots` batches that run at once has a thread of the processor. Texts and tokens beyond the first
// 512 of a row are not read. An embedding is the mean over the tokens, of length 1.
// Errors: UNIMPLEMENTED if the program was built without OpenVINO; INVALID_ARGUMENT, naming the file, if one is missing
// or is not what it should be.
absl::StatusOr<std::unique_ptr<Engine>> MakeMiniLm(const std::string& model, std::size_t slots);

}  // namespace smartbatch::classifier
