// AdminService: steering and watching the dispatcher.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>
#include <utility>

#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/transport/operators/admin_targets.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"

namespace smartbatch::transport {

// The methods as bytes, so that a malformed request reads INVALID_ARGUMENT.
using RawAdminService = proxy::v1::AdminService::WithRawCallbackMethod_SetStrategy<
    proxy::v1::AdminService::WithRawCallbackMethod_GetStrategy<
        proxy::v1::AdminService::WithRawCallbackMethod_ListStrategies<
            proxy::v1::AdminService::WithRawCallbackMethod_GetStatus<
                proxy::v1::AdminService::WithRawCallbackMethod_ListDecisions<
                    proxy::v1::AdminService::WithRawCallbackMethod_ReloadConfig<proxy::v1::AdminService::Service>>>>>>;

// Every method answers at once, on the thread that brings it. Thread safe.
class AdminService final : public RawAdminService {
 public:
  explicit AdminService(AdminTargets targets) : targets_(std::move(targets)), dispatcher_(targets_.dispatcher) {}

  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;
  using Reactor = grpc::ServerUnaryReactor;
  using RawAdminService::GetStatus;
  using RawAdminService::GetStrategy;
  using RawAdminService::ListDecisions;
  using RawAdminService::ListStrategies;
  using RawAdminService::ReloadConfig;
  using RawAdminService::SetStrategy;
  Reactor* SetStrategy(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetStrategy(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ListStrategies(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* GetStatus(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ListDecisions(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ReloadConfig(Context* context, const Bytes* request, Bytes* response) override;

 private:
  // Refuses callers without the right; parses the request, runs the method and serializes the response.
  template <class Request, class Response>
  Reactor* Run(Context& context, const Bytes& request, Bytes& response,
               grpc::Status (AdminService::*method)(const Request&, Response&));

  grpc::Status Set(const proxy::v1::SetStrategyRequest& request, proxy::v1::SetStrategyResponse& response);
  grpc::Status Get(const proxy::v1::GetStrategyRequest& request, proxy::v1::GetStrategyResponse& response);
  grpc::Status List(const proxy::v1::ListStrategiesRequest& request, proxy::v1::ListStrategiesResponse& response);
  grpc::Status Status(const proxy::v1::GetStatusRequest& request, proxy::v1::GetStatusResponse& response);

  grpc::Status Decisions(const proxy::v1::ListDecisionsRequest& request, proxy::v1::ListDecisionsResponse& response);
  grpc::Status Reload(const proxy::v1::ReloadConfigRequest& request, proxy::v1::ReloadConfigResponse& response);

  const AdminTargets targets_;
  runtime::Dispatcher& dispatcher_;
};

}  // namespace smartbatch::transport
