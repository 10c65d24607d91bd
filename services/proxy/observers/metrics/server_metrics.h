// What the proxy as a whole tells Prometheus, whichever models it serves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <prometheus/collectable.h>
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include "common/time.h"
#include "services/proxy/observers/metrics/call_series.h"
#include "services/proxy/observers/metrics/observation_buffer.h"
#include "services/proxy/runtime/call_observer.h"
#include "services/proxy/runtime/device.h"

namespace smartbatch::metrics {

// Calls that wait for their callers.
struct CallsInTransit {
  std::size_t requests_arriving = 0;
  std::size_t answers_leaving = 0;
  // Since the start.
  std::uint64_t requests_given_up = 0;
  std::uint64_t answers_given_up = 0;
};

// Counts calls, and tells the build and how the last reload ended. Thread safe; whoever tells of a call never waits for
// a scrape.
class ServerMetrics final : public prometheus::Collectable, public runtime::CallObserver {
 public:
  // The version of the program.
  explicit ServerMetrics(const std::string& version);

  // Where the numbers of calls that wait for their callers come from. Call it before the first scrape.
  void WatchCalls(std::function<CallsInTransit()> calls) { calls_in_transit_ = std::move(calls); }
  // Where the devices that models share come from. Call it before the first scrape.
  void WatchDevices(std::function<std::vector<runtime::DeviceTable::Use>()> devices) { devices_ = std::move(devices); }
  void ReloadEnded(bool successful) { reload_successful_.Set(successful ? 1 : 0); }

  void CallStarted() override { calls_.started().Increment(); }
  void CallHandled(int code, Duration took) override;

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  void SetCallGauges() const;
  void SetDeviceGauges() const;

  prometheus::Registry registry_;
  CallSeries calls_;
  prometheus::Family<prometheus::Gauge>& in_transit_;
  prometheus::Family<prometheus::Counter>& given_up_;
  prometheus::Gauge& reload_successful_;
  prometheus::Family<prometheus::Gauge>& device_slots_;
  prometheus::Family<prometheus::Gauge>& device_slots_in_use_;
  mutable ObservationBuffer observations_;
  std::function<CallsInTransit()> calls_in_transit_;
  std::function<std::vector<runtime::DeviceTable::Use>()> devices_;
  // Used by the scrape, under the lock of observations_: the gauges of the devices that it found last.
  mutable std::vector<prometheus::Gauge*> slots_;
  mutable std::vector<prometheus::Gauge*> slots_in_use_;
};

}  // namespace smartbatch::metrics
