#include "services/proxy/protocols.h"

#include <map>
#include <string>
#include <utility>

#include "services/proxy/protocol/classify/classify_codec.h"

namespace smartbatch::proxy {

using protocol::open_inference::InferBackendCodec;
using protocol::open_inference::InferCustomerCodec;
using protocol::open_inference::Model;
using protocol::open_inference::ModelSettings;

Protocols ProtocolsOf(const Config& config) {
  const v1::LimitsConfig& limits = config.settings.limits();
  Protocols protocols;
  if (config.model().empty()) {
    const rpc::SequenceLimits sequences{.max_sequences = limits.max_batch_size(),
                                        .max_characters = limits.max_sequence_length()};
    protocols.customers = std::make_unique<protocol::classify::ClassifyCustomerCodec>(sequences);
    protocols.backends = std::make_unique<protocol::classify::ClassifyBackendCodec>(limits.max_batch_size());
    return protocols;
  }
  const v1::OpenInferenceConfig& settings = config.settings.open_inference();
  std::map<std::string, double> padded_inputs;
  for (const v1::PaddedInput& input : settings.padded_inputs()) padded_inputs[input.name()] = input.value();
  protocols.model = std::make_shared<Model>(
      ModelSettings{.name = config.model(),
                    .padded_inputs = {padded_inputs.begin(), padded_inputs.end()},
                    .trimmed_outputs = {settings.trimmed_outputs().begin(), settings.trimmed_outputs().end()},
                    .max_rows = limits.max_batch_size(),
                    .max_length = limits.max_sequence_length(),
                    .max_request_bytes = settings.max_request_bytes()});
  auto customers = std::make_unique<InferCustomerCodec>(protocols.model);
  protocols.infer = customers.get();
  protocols.customers = std::move(customers);
  protocols.backends = std::make_unique<InferBackendCodec>(protocols.model);
  return protocols;
}

}  // namespace smartbatch::proxy
