#include "services/proxy/transport/operators/admin_server.h"

#include <chrono>
#include <utility>

#include <grpcpp/health_check_service_interface.h>

#include "services/proxy/transport/elsewhere.h"
#include "services/proxy/transport/operators/admin_service.h"
#include "services/rpc/goaway.h"
#include "services/rpc/listener.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {

AdminServer::AdminServer(const std::string& address, AdminTargets targets, rpc::ListenerOptions options)
    : service_(std::make_unique<AdminService>(std::move(targets))),
      elsewhere_(std::make_unique<Elsewhere>(proxy::v1::AdminService::service_full_name(),
                                             proxy::v1::ProxyService::service_full_name(), "data")),
      listener_(address, std::move(options)) {
  listener_.builder().RegisterService(service_.get());
  listener_.builder().RegisterCallbackGenericService(elsewhere_.get());
}

void AdminServer::SetDataAddress(std::string address) { elsewhere_->SetAddress(std::move(address)); }

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& address, AdminTargets targets,
                                                                rpc::ListenerOptions options) {
  std::unique_ptr<AdminServer> admin(new AdminServer(address, std::move(targets), std::move(options)));
  auto server = admin->listener_.Start();
  if (!server.ok()) return server.status();
  admin->server_ = *std::move(server);
  admin->server_->GetHealthCheckService()->SetServingStatus(proxy::v1::AdminService::service_full_name(), true);
  return admin;
}

void AdminServer::MoveCallers() { rpc::MoveCallers(*server_); }

void AdminServer::StopServing() { server_->GetHealthCheckService()->Shutdown(); }

AdminServer::~AdminServer() {
  listener_.StopAccepting();
  if (server_) server_->Shutdown(std::chrono::system_clock::now());
}

}  // namespace smartbatch::transport
