// The protocol that the proxy speaks, chosen by the configuration.
#pragma once

#include <memory>

#include "services/proxy/config/config.h"
#include "services/proxy/protocol/codec.h"
#include "services/proxy/protocol/open_inference/infer_codec.h"

namespace smartbatch::proxy {

// Our own contract, unless the backends are servers of the Open Inference Protocol. Customers and backends speak the
// same one: nothing is translated.
struct Protocols {
  std::unique_ptr<protocol::CustomerCodec> customers;
  std::unique_ptr<protocol::BackendCodec> backends;
  // With the Open Inference Protocol: the model, and the codec of the customers again, by its own type.
  std::shared_ptr<protocol::open_inference::Model> model;
  const protocol::open_inference::InferCustomerCodec* infer = nullptr;
};

Protocols ProtocolsOf(const Config& config);

}  // namespace smartbatch::proxy
