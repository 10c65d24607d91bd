// The customers' server: one protocol's method, asynchronous.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>

#include <absl/status/status.h>

#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/transport/customers/proxy_call.h"
#include "services/proxy/transport/elsewhere.h"
#include "services/rpc/call_queue.h"
#include "services/rpc/listener.h"

namespace smartbatch::transport {

// The server for customers. One completion queue carries the calls of customers and operators and the calls to
// backends.
//
//   CallQueue queue(threads, ...);
//   ProxyServer server(address, queue, codec);
//   server.Start(models, clock, observer);
//   ...
//   server.StopServing();       health checks say NOT_SERVING; calls are still taken
//   ...                         the dispatchers are drained and closed: every request is answered, no batch is out
//   server.Shutdown();          gRPC answers CANCELLED to calls that come at this moment
//
// Not thread safe but for customer_rights() and, after Start, calls(). Destroy it before the models and the queue.
class ProxyServer {
 public:
  // The codec must outlive it.
  ProxyServer(const std::string& address, rpc::CallQueue& queue, const protocol::CustomerCodec& codec,
              rpc::ListenerOptions options = {});
  // Calls Shutdown.
  ~ProxyServer();
  ProxyServer(const ProxyServer&) = delete;
  ProxyServer& operator=(const ProxyServer&) = delete;

  CustomerRights& customer_rights() { return customer_rights_; }

  // Sets who serves calls of other methods than the protocol's. Call it before Start.
  void ServeOthers(Elsewhere::Others others) { elsewhere_.SetOthers(std::move(others)); }
  // Listens and serves; all arguments must outlive the server. UNAVAILABLE if the address cannot be bound.
  absl::Status Start(const runtime::ModelTable& models, const runtime::Clock& clock, runtime::CallObserver& observer);
  // host:port; after Start with the port that was bound.
  const std::string& address() const { return listener_.address(); }

  // While no backend can be reached, health checks of the customers' service say NOT_SERVING. Those of the server as a
  // whole do not, so that nobody restarts the proxy because of it. Call it after Start; does nothing after StopServing.
  // Thread safe.
  void SetReachable(bool reachable);
  // Accepts no more connections: they are refused, or go to another process that listens on the same port.
  void StopAccepting() { listener_.StopAccepting(); }
  // Asks the callers to make new connections (services/rpc/goaway.h), and returns how many connections are open. Call
  // it after StopAccepting, and repeatedly, for connections whose handshake is not done yet.
  std::size_t MoveCallers();
  // The address to which calls of AdminService, which this port does not serve, are directed. Thread safe.
  void SetAdminAddress(std::string address) { elsewhere_.SetAddress(std::move(address)); }

  void StopServing();
  // Waits until every answer has been handed to the system, but for at most a second.
  void WaitForAnswers();
  // Returns when the last call has gone.
  void Shutdown();

  // Counts of the calls that wait for their callers.
  LiveCalls::Counts calls() const;

 private:
  // Gives up calls whose callers take too long.
  void RunSweeper(const std::stop_token& stop);

  const protocol::CustomerCodec& codec_;
  const rpc::ConnectionLimits connection_limits_;
  rpc::CallQueue& queue_;
  ProxyMethod method_;
  CustomerRights customer_rights_;
  rpc::Listener listener_;
  Elsewhere elsewhere_;
  std::unique_ptr<CallEnvironment> environment_;
  std::jthread sweeper_;
  bool shut_down_ = false;
};

}  // namespace smartbatch::transport
