// The calls of the Open Inference Protocol other than ModelInfer: what clients ask before they send requests, and
// ModelStreamInfer.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include "inference/open_inference.pb.h"
#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/proxy/protocol/open_inference/model.h"
#include "services/proxy/runtime/call_observer.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/transport/customers/customer_rights.h"
#include "services/rpc/generic_call.h"

namespace smartbatch::transport {

// What the calls need. All of it must outlive the server that the calls come to.
struct InferenceParts {
  const protocol::open_inference::InferCustomerCodec& codec;
  const runtime::ModelTable& models;  // those of the codec, by the same names
  const runtime::Clock& clock;
  runtime::CallObserver& observer;
  const CustomerRights& customer_rights;
  std::string version;  // of the proxy
};

// Answers about the server and the models come from the models' descriptions, and none of them asks a backend. Calls of
// the service that the proxy does not serve are answered UNIMPLEMENTED, with the reason. Thread safe.
class InferenceCalls {
 public:
  explicit InferenceCalls(InferenceParts parts);
  InferenceCalls(const InferenceCalls&) = delete;
  InferenceCalls& operator=(const InferenceCalls&) = delete;

  // Returns the handler for a call of this service; null for a call of another service.
  std::shared_ptr<rpc::CallHandler> Serve(rpc::GenericCall& call) const;

 private:
  using Answer = std::function<grpc::Status(const grpc::ByteBuffer& request, grpc::ByteBuffer& response)>;

  template <class Request, class Response>
  void Add(const std::string& method, grpc::Status (InferenceCalls::*answer)(const Request&, Response&) const);

  grpc::Status ServerLive(const inference::ServerLiveRequest&, inference::ServerLiveResponse& response) const;
  grpc::Status ServerReady(const inference::ServerReadyRequest&, inference::ServerReadyResponse& response) const;
  grpc::Status ModelReady(const inference::ModelReadyRequest& request, inference::ModelReadyResponse& response) const;
  grpc::Status ServerMetadata(const inference::ServerMetadataRequest&,
                              inference::ServerMetadataResponse& response) const;
  grpc::Status ModelMetadata(const inference::ModelMetadataRequest& request,
                             inference::ModelMetadataResponse& response) const;
  grpc::Status ModelConfig(const inference::ModelConfigRequest& request,
                           inference::ModelConfigResponse& response) const;
  grpc::Status ModelStatistics(const inference::ModelStatisticsRequest& request,
                               inference::ModelStatisticsResponse& response) const;
  grpc::Status RepositoryIndex(const inference::RepositoryIndexRequest& request,
                               inference::RepositoryIndexResponse& response) const;
  // A model is ready if it is described and a backend can be reached.
  bool IsReady(const protocol::open_inference::Model& model) const;

  const InferenceParts parts_;
  std::map<std::string, Answer, std::less<>> answers_;  // by path
};

}  // namespace smartbatch::transport
