// The proxy: its parts put together, as they serve, reload and stop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "common/program/signals.h"
#include "common/time.h"
#include "services/metrics_endpoint/metrics_endpoint.h"
#include "services/net/handover.h"
#include "services/proxy/access.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/reloader.h"
#include "services/proxy/observers/metrics/server_metrics.h"
#include "services/proxy/observers/traces/traces.h"
#include "services/proxy/protocols.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/device.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/served_model.h"
#include "services/proxy/transport/customers/inference_calls.h"
#include "services/proxy/transport/customers/proxy_server.h"
#include "services/proxy/transport/operators/admin_server.h"
#include "services/rpc/call_queue.h"

namespace smartbatch::proxy {

// Serves from Start to Stop. Several may serve in one process. Reload is thread safe; the rest is for one thread.
class Proxy {
 public:
  // What to run with now, checked: asked when the configuration is to be reloaded. Empty if there is no file to read
  // again.
  using ReadAgain = Reloader::Read;

  // Listens and serves when it returns. The clock must outlive it. INVALID_ARGUMENT names a setting or a file that
  // cannot be used; UNAVAILABLE an address that cannot be bound.
  static absl::StatusOr<std::unique_ptr<Proxy>> Start(const Config& config, const net::Handover& handover,
                                                      ReadAgain read_again, const runtime::Clock& clock);
  // Ends at once what is there.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // Where customers and operators call and Prometheus scrapes: host:port, with the ports that were bound.
  const std::string& address() const { return server_.address(); }
  const std::string& admin_address() const { return admin_->address(); }
  const std::string& metrics_address() const { return endpoint_->address(); }

  // Reads the configuration again and takes over what has changed, all of it or nothing; what came of it is in the log.
  void Reload();
  // Seconds that Stop may take for what is accepted; once a reload that is under way has ended.
  double drain_seconds() const { return reloader_.current().settings.drain_seconds(); }
  // Stops in order: the callers go over to the process that follows, if there can be one; new calls are refused; what
  // was accepted is answered; and what is left when the time is over is ended. Call it once. The connections stay open
  // for as long as the proxy lives: those that come meanwhile are refused with UNAVAILABLE.
  void Stop(program::StopTime& time);

 private:
  // What serves the calls of the Open Inference Protocol beside ModelInfer; nothing with our own contract.
  using InferenceCalls = std::unique_ptr<transport::InferenceCalls>;
  using Models = std::vector<std::unique_ptr<ServedModel>>;

  Proxy(const Config& config, Access access, net::Handover handover, ReadAgain read_again, const runtime::Clock& clock,
        std::unique_ptr<traces::Traces> traces, Models models);
  // Opens the ports, when everything behind them is there.
  absl::Status Serve(const Config& config);
  absl::Status BringIn(const Config& before, const Config& after);
  void WatchCalls();
  void ModelIsReachable(std::size_t model, bool reachable);
  bool WaitUntilIdle(Duration timeout);
  void HandOver(program::StopTime& time);
  void Drain(program::StopTime& time);
  void Close();

  const runtime::Clock& clock_;
  const Access access_;
  const net::Handover handover_;
  const std::shared_ptr<metrics::ServerMetrics> metrics_;
  // From the backends to the customers, so that each part finds those that it passes requests on to. What a customer
  // sends comes the other way: through the server and the queue to the model, which decides and calls its backends.
  const std::unique_ptr<traces::Traces> traces_;  // if an endpoint is set
  runtime::DeviceTable devices_;
  const Models models_;  // the default one first
  const runtime::ModelTable table_;
  rpc::CallQueue queue_;
  const CustomerProtocol protocol_;
  transport::ProxyServer server_;
  InferenceCalls inference_;
  // Beside the way.
  std::optional<metrics_endpoint::MetricsEndpoint> endpoint_;
  const bool can_reload_;
  Reloader reloader_;
  std::unique_ptr<transport::AdminServer> admin_;
  Mutex reachable_mutex_;
  std::set<std::size_t> unreachable_ SMARTBATCH_GUARDED_BY(reachable_mutex_);  // models
};

}  // namespace smartbatch::proxy
