// One model that the proxy serves: its queue, its strategy, its backends, and whoever watches them.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "services/proxy/config/config.h"
#include "services/proxy/config/models.h"
#include "services/proxy/observers/adaptive/adaptive_controller.h"
#include "services/proxy/observers/backend_log.h"
#include "services/proxy/observers/batch_log.h"
#include "services/proxy/observers/decision_log/decision_log.h"
#include "services/proxy/observers/live_page/live_page.h"
#include "services/proxy/observers/live_page/recent_answers.h"
#include "services/proxy/observers/metrics/proxy_metrics.h"
#include "services/proxy/observers/traces/traces.h"
#include "services/proxy/protocols.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/device.h"
#include "services/proxy/runtime/device_shares.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/runtime/request_statistics.h"
#include "services/proxy/runtime/sharing_advice.h"
#include "services/proxy/transport/backends/backend_client.h"
#include "services/proxy/transport/backends/backend_set.h"
#include "services/proxy/transport/backends/model_reader.h"
#include "services/proxy/transport/backends/reachability.h"
#include "services/rpc/call_queue.h"

namespace smartbatch::proxy {

// Made in two steps, since the queue that calls the backends also serves the dispatchers of all models:
//
//   auto model = ServedModel::Create(config, clock, traces);
//   (*model)->Connect(config, queue, ...);   from here on it has backends
//   (*model)->Watch(tell);                   and threads that look after them
//   ...
//   (*model)->Disconnect();                  before the queue is destroyed
//
// Members stand in the order in which a request passes them: the watchers are told first what is offered, the
// dispatcher decides, the backends compute. The dispatcher and what is read from it are thread safe; the rest is for
// one thread.
class ServedModel {
 public:
  // The clock and the traces, null if there are none, must outlive it. INVALID_ARGUMENT names the setting that cannot
  // be used.
  static absl::StatusOr<std::unique_ptr<ServedModel>> Create(const ModelChoice& choice, const runtime::Clock& clock,
                                                             traces::Traces* traces);
  // Every request must have been answered and every batch have ended.
  ~ServedModel() = default;
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // Makes the backends, which are called through the queue; it must outlive Disconnect. With the Open Inference
  // Protocol they are asked what the model is, which takes two seconds for each at most.
  void Connect(const Config& config, const runtime::DeviceTable& devices, rpc::CallQueue& queue,
               const transport::BackendClientOptions& access);
  // After Connect: starts the threads that look after the time, the names, the health and the model of the backends,
  // and advise the strategy. `tell` hears whether a backend can be reached, from one of them.
  void Watch(transport::Reachability::Tell tell);
  // Ends those threads and the health checks, if there are any.
  void Disconnect();

  // After Connect. Takes over what can change, all of it or nothing, with the errors of Dispatcher::Reconfigure.
  // `devices` are those of the new configuration.
  absl::Status Reconfigure(const Config& before, const Config& after, const runtime::DeviceTable& devices);
  // Writes what the decision log still holds: what comes later is lost.
  void CloseDecisionLog();

  const std::string& name() const { return name_; }
  runtime::Dispatcher& dispatcher() { return *dispatcher_; }
  // For the table of models.
  runtime::ModelTable::Entry entry() { return {name_, *dispatcher_, decisions_, statistics_}; }
  const std::shared_ptr<metrics::ProxyMetrics>& metrics() const { return metrics_; }
  // As the backends describe it; null with our own contract.
  const BackendProtocol& protocol() const { return protocol_; }
  // What the live page shows of it.
  live_page::Sources live_sources();
  std::size_t backends() const { return backends_->addresses().size(); }

 private:
  ServedModel(const ModelChoice& choice, const runtime::Clock& clock, BackendProtocol protocol);
  absl::Status StartDispatcher(const Config& config, traces::Traces* traces);
  std::vector<transport::BackendTarget> TargetsOf(const Config& config, const runtime::DeviceTable& devices);
  std::shared_ptr<runtime::DeviceShare> ShareOf(const std::string& device, const Config& config,
                                                const runtime::DeviceTable& devices);

  const std::string name_;
  const runtime::Clock& clock_;
  const std::uint32_t max_batch_size_;

  const std::shared_ptr<metrics::ProxyMetrics> metrics_;
  adaptive::AdaptiveController adaptive_;
  runtime::RecentDecisions decisions_;
  live_page::RecentAnswers answers_;
  runtime::SharingAdvice sharing_;
  runtime::RequestStatistics statistics_;
  BackendLog backend_log_;
  BatchLog batch_log_;
  std::unique_ptr<decision_log::DecisionLog> decision_log_;
  std::unique_ptr<traces::ModelTraces> traces_;  // if an endpoint is set
  std::unique_ptr<scheduling::ObserverList> observers_;
  std::unique_ptr<runtime::DecisionObserverList> decision_observers_;

  std::unique_ptr<runtime::Dispatcher> dispatcher_;
  std::map<std::string, std::shared_ptr<runtime::DeviceShare>> shares_;  // by the device's name

  const BackendProtocol protocol_;
  std::unique_ptr<transport::BackendSet> backends_;
  std::unique_ptr<transport::ModelReader> reader_;  // with the Open Inference Protocol
  std::unique_ptr<transport::Reachability> reachability_;
  std::vector<std::jthread> threads_;
};

}  // namespace smartbatch::proxy
