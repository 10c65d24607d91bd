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

// Serves for as long as it lives. Its calls come from the queue of the data path, because another one would cost that
// path its speed, but its methods, which may take their time, have a thread of their own. Not thread safe.
class AdminServer {
 public:
  // UNAVAILABLE where the address cannot be bound. Health and reflection are open to whoever can connect.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& address, rpc::CallQueue& queue,
                                                            AdminTargets targets, rpc::ListenerOptions options = {});
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
  AdminServer(const std::string& address, rpc::CallQueue& queue, AdminTargets targets, rpc::ListenerOptions options);

  rpc::Listener listener_;
  const std::unique_ptr<AdminService> service_;
  const std::unique_ptr<Elsewhere> elsewhere_;
};

}  // namespace smartbatch::transport
