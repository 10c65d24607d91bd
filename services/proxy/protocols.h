// The protocol that the proxy speaks, chosen by the configuration.
#pragma once

#include <memory>
#include <vector>

#include <absl/status/statusor.h>

#include "common/word_pieces.h"
#include "services/proxy/config/models.h"
#include "services/proxy/protocol/codec.h"
#include "services/proxy/protocol/open_inference/infer_codec.h"

namespace smartbatch::proxy {

// Our own contract, unless the backends are servers of the Open Inference Protocol. Customers and backends speak the
// same one, and so do all models: nothing is translated.

// Towards the backends of one model.
struct BackendProtocol {
  // With the Open Inference Protocol: the model, as its server will describe it.
  std::shared_ptr<protocol::open_inference::Model> model;
  std::unique_ptr<protocol::BackendCodec> codec;
  // What texts are counted by; null if that is characters.
  std::shared_ptr<const WordPieces> vocabulary;
};
// INVALID_ARGUMENT, naming the file, if length.vocabulary cannot be read or is none.
absl::StatusOr<BackendProtocol> BackendProtocolOf(const ModelChoice& choice);

// Towards the customers of all models.
struct CustomerProtocol {
  std::unique_ptr<protocol::CustomerCodec> codec;
  // With the Open Inference Protocol: the same codec, by its own type.
  const protocol::open_inference::InferCustomerCodec* infer = nullptr;
};
// `backends` are those of the choices, in their order.
CustomerProtocol CustomerProtocolOf(const std::vector<ModelChoice>& choices,
                                    const std::vector<const BackendProtocol*>& backends);

}  // namespace smartbatch::proxy
