// The operators' listener: AdminService. gRPC's own threads serve it, never those of the data path.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>
#include <grpcpp/server.h>

#include "services/proxy/transport/operators/admin_targets.h"
#include "services/rpc/listener.h"

namespace smartbatch::transport {

class AdminService;
class Elsewhere;

// Serves for as long as it lives. Not thread safe.
class AdminServer {
 public:
  // UNAVAILABLE where the address cannot be bound. Health and reflection are open to whoever can connect.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address, AdminTargets targets,
                                                            rpc::ListenerOptions options = {});
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // Where calls of ProxyService, which this port does not serve, are told to go. Thread safe.
  void SetDataAddress(std::string address);

  // host:port with the port that was bound.
  const std::string& address() const { return listener_.address(); }

  // As ProxyServer's.
  void StopAccepting() { listener_.StopAccepting(); }
  void MoveCallers();
  void StopServing();

 private:
  AdminServer(const std::string& address, AdminTargets targets, rpc::ListenerOptions options);

  const std::unique_ptr<AdminService> service_;
  const std::unique_ptr<Elsewhere> elsewhere_;
  rpc::Listener listener_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace smartbatch::transport
