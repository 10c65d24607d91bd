// Asks the backends what the model is.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <grpcpp/channel.h>

#include "services/proxy/protocol/open_inference/model.h"
#include "services/proxy/transport/backends/backend_client.h"

namespace smartbatch::transport {

// Reads ModelMetadata and ModelConfig from the first backend that answers: again and again, so that a model which was
// replaced is known by its new description within seconds. What was read last stays while no backend answers. The log
// tells every change, and what is odd about the settings with this model. Not thread safe.
class ModelReader {
 public:
  // Where backends are at the moment.
  using Addresses = std::function<std::vector<std::string>()>;

  ModelReader(std::shared_ptr<protocol::open_inference::Model> model, Addresses addresses,
              BackendClientOptions options);

  // Asks now; takes two seconds for each backend at most.
  void Look();
  // Asks every second until there is a description, and every five seconds then, until it is asked to stop: the work of
  // a thread of its own.
  void Run(const std::stop_token& stop);

 private:
  // False if the backend does not answer.
  bool Ask(const std::shared_ptr<grpc::Channel>& channel);
  void Tell(const protocol::open_inference::Model::Description& description);

  const std::shared_ptr<protocol::open_inference::Model> model_;
  const Addresses addresses_;
  const BackendClientOptions options_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // by address
  std::string told_;                                                // what the log said last
};

}  // namespace smartbatch::transport
