// Asking the backends to describe their model.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <grpcpp/channel.h>

#include "services/proxy/protocol/open_inference/model.h"
#include "services/proxy/transport/backends/backend_client.h"

namespace smartbatch::transport {

// Reads ModelMetadata and ModelConfig from the first backend that answers. It does so regularly, so that the
// description of a model that was replaced is new within seconds. The last description stays while no backend answers.
// Every change is logged, and whatever is doubtful about the settings for this model; and until it is known, what its
// servers say instead, such as that they have no model of that name. Not thread safe.
class ModelReader {
 public:
  // Returns the current addresses of the backends.
  using Addresses = std::function<std::vector<std::string>()>;

  ModelReader(std::shared_ptr<protocol::open_inference::Model> model, Addresses addresses,
              BackendClientOptions options);

  // Asks now. Takes at most two seconds for each backend.
  void Look();
  // Asks every second until there is a description, and then every five seconds, until it is asked to stop. Run it in a
  // thread of its own.
  void Run(const std::stop_token& stop);

 private:
  // Sets the description by what the backend says. Otherwise returns why it said nothing.
  absl::Status Ask(const std::shared_ptr<grpc::Channel>& channel);
  // No backend has described the model.
  void Miss(const std::string& address, const absl::Status& reason);
  void Tell(const protocol::open_inference::Model::Description& description);

  const std::shared_ptr<protocol::open_inference::Model> model_;
  const Addresses addresses_;
  const BackendClientOptions options_;
  std::map<std::string, std::shared_ptr<grpc::Channel>> channels_;  // by address
  std::string told_;                                                // the last logged text
};

}  // namespace smartbatch::transport
