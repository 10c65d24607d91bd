// The operators' server: AdminService.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "services/proxy/transport/operators/admin_targets.h"
#include "services/rpc/call_queue.h"
#include "services/rpc/listener.h"

namespace smartbatch::transport {

class AdminService;
class Elsewhere;

// The server for operators; it serves for as long as it lives. Its calls come from the queue of the customers' calls,
// because another queue would slow those down. Its methods, which may take long, have a thread of their own. Not thread
// safe.
class AdminServer {
 public:
  // UNAVAILABLE if the address cannot be bound. Everybody who can connect may call health and reflection.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address, rpc::CallQueue& queue,
                                                            AdminTargets targets, rpc::ListenerOptions options = {});
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  // The address to which calls of ProxyService, which this port does not serve, are directed. Thread safe.
  void SetDataAddress(std::string address);

  // host:port with the port that was bound.
  const std::string& address() const { return listener_.address(); }

  // As in ProxyServer.
  void StopAccepting() { listener_.StopAccepting(); }
  void MoveCallers();
  void StopServing();

 private:
  AdminServer(const std::string& address, rpc::CallQueue& queue, AdminTargets targets, rpc::ListenerOptions options);

  rpc::Listener listener_;
  const std::unique_ptr<AdminService> service_;
  const std::unique_ptr<Elsewhere> elsewhere_;
};

}  // namespace smartbatch::transport
