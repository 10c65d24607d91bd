#include "services/proxy/transport/operators/admin_server.h"

#include <utility>

#include "services/proxy/transport/elsewhere.h"
#include "services/proxy/transport/operators/admin_service.h"
#include "services/rpc/goaway.h"
#include "services/rpc/listener.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {

AdminServer::AdminServer(const std::string& address, rpc::CallQueue& queue, AdminTargets targets,
                         rpc::ListenerOptions options)
    : listener_(address, queue, std::move(options)),
      service_(std::make_unique<AdminService>(std::move(targets))),
      elsewhere_(std::make_unique<Elsewhere>(proxy::v1::AdminService::service_full_name(),
                                             proxy::v1::ProxyService::service_full_name(), "data")) {
  listener_.Add(service_->methods(), proxy::v1::AdminService::service_full_name());
  elsewhere_->RegisterWith(listener_.builder());
}

void AdminServer::SetDataAddress(std::string address) { elsewhere_->SetAddress(std::move(address)); }

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& address, rpc::CallQueue& queue,
                                                                AdminTargets targets, rpc::ListenerOptions options) {
  std::unique_ptr<AdminServer> admin(new AdminServer(address, queue, std::move(targets), std::move(options)));
  if (auto status = admin->listener_.Start(); !status.ok()) return status;
  admin->service_->Serve(queue.queue());
  admin->elsewhere_->Serve(queue.queue());
  return admin;
}

void AdminServer::MoveCallers() { rpc::MoveCallers(listener_.server()); }

void AdminServer::StopServing() { listener_.health().StopServing(); }

AdminServer::~AdminServer() { listener_.ShutDown(); }

}  // namespace smartbatch::transport
