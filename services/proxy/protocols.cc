#include "services/proxy/protocols.h"

#include <utility>

#include "services/proxy/protocol/classify/classify_codec.h"

namespace smartbatch::proxy {

using protocol::open_inference::InferBackendCodec;
using protocol::open_inference::InferCustomerCodec;
using protocol::open_inference::Model;
using protocol::open_inference::ModelSettings;

Protocols ProtocolsOf(const Config& config) {
  Protocols protocols;
  if (config.model().empty()) {
    const rpc::SequenceLimits limits{.max_sequences = config.limits.max_batch_size,
                                     .max_characters = config.limits.max_sequence_length};
    protocols.customers = std::make_unique<protocol::classify::ClassifyCustomerCodec>(limits);
    protocols.backends = std::make_unique<protocol::classify::ClassifyBackendCodec>(config.limits.max_batch_size);
    return protocols;
  }
  const OpenInferenceChoice& choice = config.open_inference;
  protocols.model = std::make_shared<Model>(
      ModelSettings{.name = config.model(),
                    .padded_inputs = {choice.padded_inputs.begin(), choice.padded_inputs.end()},
                    .trimmed_outputs = {choice.trimmed_outputs.begin(), choice.trimmed_outputs.end()},
                    .max_rows = config.limits.max_batch_size,
                    .max_length = config.limits.max_sequence_length,
                    .max_request_bytes = choice.max_request_bytes});
  auto customers = std::make_unique<InferCustomerCodec>(protocols.model);
  protocols.infer = customers.get();
  protocols.customers = std::move(customers);
  protocols.backends = std::make_unique<InferBackendCodec>(protocols.model);
  return protocols;
}

}  // namespace smartbatch::proxy
