// AdminService: controlling and watching the dispatcher.
#pragma once

#include <functional>
#include <list>
#include <utility>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>
#include <boost/asio/thread_pool.hpp>

#include "services/proxy/transport/operators/admin_targets.h"
#include "services/rpc/unary_method.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"

namespace smartbatch::transport {

// The service for operators. Use: register methods() with a builder, start the server, Serve() once, shut the server
// down, destroy the service before the server and while the queue is still served. A thread of its own answers the
// calls one after the other, because they may read files and much state.
class AdminService {
 public:
  explicit AdminService(AdminTargets targets);

  grpc::Service& methods() { return methods_; }
  void Serve(grpc::ServerCompletionQueue& queue);

 private:
  // All take bytes, so that a malformed request is answered with INVALID_ARGUMENT.
  using Methods = proxy::v1::AdminService::WithRawMethod_SetStrategy<
      proxy::v1::AdminService::WithRawMethod_GetStrategy<proxy::v1::AdminService::WithRawMethod_ListStrategies<
          proxy::v1::AdminService::WithRawMethod_GetStatus<proxy::v1::AdminService::WithRawMethod_ListDecisions<
              proxy::v1::AdminService::WithRawMethod_ReloadConfig<proxy::v1::AdminService::Service>>>>>>;
  using Method = rpc::UnaryMethod<grpc::ByteBuffer, grpc::ByteBuffer>;
  // Asks gRPC for the next call of a method.
  using Await = void (Methods::*)(grpc::ServerContext*, grpc::ByteBuffer*, Method::Writer*, grpc::CompletionQueue*,
                                  grpc::ServerCompletionQueue*, void* tag);

  using Model = runtime::ModelTable::Entry;

  // Refuses callers without the right; parses the request, runs the method and serializes the response.
  template <class Request, class Response>
  void Add(Await await, std::function<grpc::Status(const Request&, Response&)> method);
  // The same of a method about the model that the request names.
  template <class Request, class Response>
  void AddOfModel(Await await, grpc::Status (AdminService::*method)(const Model&, const Request&, Response&));

  grpc::Status Set(const Model& model, const proxy::v1::SetStrategyRequest& request,
                   proxy::v1::SetStrategyResponse& response);
  grpc::Status Get(const Model& model, const proxy::v1::GetStrategyRequest& request,
                   proxy::v1::GetStrategyResponse& response);
  grpc::Status List(const Model& model, const proxy::v1::ListStrategiesRequest& request,
                    proxy::v1::ListStrategiesResponse& response);
  grpc::Status Status(const Model& model, const proxy::v1::GetStatusRequest& request,
                      proxy::v1::GetStatusResponse& response);

  grpc::Status Decisions(const Model& model, const proxy::v1::ListDecisionsRequest& request,
                         proxy::v1::ListDecisionsResponse& response);
  grpc::Status Reload(const proxy::v1::ReloadConfigRequest& request, proxy::v1::ReloadConfigResponse& response);

  const AdminTargets targets_;
  Methods methods_;
  boost::asio::thread_pool worker_{1};
  std::list<Method> served_;  // last: the calls need the rest
};

}  // namespace smartbatch::transport
