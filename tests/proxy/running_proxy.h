// A whole proxy in the test's own process, run by a configuration file.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/proxy/config/config.h"
#include "services/proxy/proxy.h"
#include "services/proxy/runtime/clock.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::proxy {

inline constexpr std::chrono::seconds kPatience{20};

inline std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

inline void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + kPatience);
}

// A proxy whose configuration file is the text, on free ports.
class ProxyOf {
 public:
  explicit ProxyOf(const std::string& text) {
    Write(text);
    auto config = Read();
    EXPECT_TRUE(config.ok()) << config.status();
    auto proxy = Proxy::Start(
        *config, {}, [this] { return Read(); }, clock_);
    EXPECT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
    admin_ = v1::AdminService::NewStub(ChannelTo(proxy_->admin_address()));
  }

  // What the file holds from now on.
  void Write(const std::string& text) {
    text_ = R"(listen: "127.0.0.1:0" admin_listen: "127.0.0.1:0" metrics_listen: "127.0.0.1:0" )" + text;
  }

  Proxy& operator*() { return *proxy_; }
  Proxy* operator->() { return proxy_.get(); }

  grpc::Status SetStrategy(const std::string& model, const std::string& strategy) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::SetStrategyRequest request;
    request.set_model(model);
    request.set_strategy(strategy);
    v1::SetStrategyResponse response;
    return admin_->SetStrategy(&context, request, &response);
  }
  v1::GetStatusResponse StatusOf(const std::string& model) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::GetStatusRequest request;
    request.set_model(model);
    v1::GetStatusResponse response;
    const auto status = admin_->GetStatus(&context, request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::ListDecisionsResponse DecisionsOf(const std::string& model) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ListDecisionsRequest request;
    request.set_model(model);
    v1::ListDecisionsResponse response;
    EXPECT_TRUE(admin_->ListDecisions(&context, request, &response).ok());
    return response;
  }
  bool IsServing() {
    grpc::ClientContext context;
    SetDeadline(context);
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(v1::ProxyService::service_full_name());
    grpc::health::v1::HealthCheckResponse response;
    grpc::health::v1::Health::NewStub(ChannelTo(proxy_->address()))->Check(&context, request, &response);
    return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
  }

 private:
  absl::StatusOr<Config> Read() const {
    Config config;
    if (auto status = ParseConfig(text_, ConfigFormat::kText, config); !status.ok()) return status;
    if (auto status = config.Validate(); !status.ok()) return status;
    return config;
  }

  const runtime::SteadyClock clock_;
  std::string text_;
  std::unique_ptr<Proxy> proxy_;
  std::unique_ptr<v1::AdminService::Stub> admin_;
};

}  // namespace smartbatch::proxy
