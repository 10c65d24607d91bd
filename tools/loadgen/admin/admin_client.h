// The proxy's AdminService, as the load generator uses it.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/time.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "tools/loadgen/engine/channel.h"
#include "tools/loadgen/model/result_set.h"

namespace smartbatch::loadgen {

// Each call blocks for at most 5 seconds. An error is the server's code with its message and, if the server
// cannot be reached, what to do about it. Thread safe.
class AdminClient {
 public:
  // All calls are about that model; the proxy's default one if it is empty.
  explicit AdminClient(Server server, std::string model = {});
  explicit AdminClient(const std::string& target) : AdminClient(Server{target}) {}

  absl::StatusOr<proxy::v1::GetStrategyResponse> GetStrategy() const;
  // Sets the strategy; FAILED_PRECONDITION if the server then confirms another one.
  absl::StatusOr<proxy::v1::SetStrategyResponse> SetStrategy(const LabelledStrategy& choice,
                                                             const std::string& reason) const;
  absl::StatusOr<proxy::v1::ListStrategiesResponse> ListStrategies() const;
  absl::StatusOr<proxy::v1::GetStatusResponse> GetStatus() const;
  // Waits until nothing is queued and no batch is at a backend; DEADLINE_EXCEEDED after `patience`.
  absl::Status WaitUntilEmpty(Duration patience) const;

 private:
  template <class Method, class Request, class Response>
  absl::StatusOr<Response> Call(Method method, Request request, Response response) const;

  Server server_;
  std::string model_;
  std::unique_ptr<proxy::v1::AdminService::Stub> stub_;
};

LabelledStrategy ToChoice(const proxy::v1::Strategy& strategy);

}  // namespace smartbatch::loadgen
