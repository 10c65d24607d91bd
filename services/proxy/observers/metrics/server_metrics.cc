#include "services/proxy/observers/metrics/server_metrics.h"

namespace smartbatch::metrics {

ServerMetrics::ServerMetrics(const std::string& version)
    : calls_(registry_, "smartbatch.proxy.v1.ProxyService", "ProxyClassify"),
      in_transit_(prometheus::BuildGauge()
                      .Name("smartbatch_calls_in_transit")
                      .Help("Calls whose request is arriving, or whose answer the caller has not taken yet.")
                      .Register(registry_)),
      given_up_(prometheus::BuildCounter()
                    .Name("smartbatch_calls_given_up_total")
                    .Help("Calls that were ended because their request did not arrive, or their answer was not taken, "
                          "within the time limit, or because others needed the place.")
                    .Register(registry_)),
      reload_successful_(prometheus::BuildGauge()
                             .Name("smartbatch_config_last_reload_successful")
                             .Help("1 unless the last reload of the configuration file was rejected.")
                             .Register(registry_)
                             .Add({})),
      device_slots_(prometheus::BuildGauge()
                        .Name("smartbatch_device_slots")
                        .Help("Batches of all models together that may run on the device at once.")
                        .Register(registry_)),
      device_slots_in_use_(prometheus::BuildGauge()
                               .Name("smartbatch_device_slots_in_use")
                               .Help("Batches of all models together that run on the device.")
                               .Register(registry_)) {
  reload_successful_.Set(1);
  prometheus::BuildGauge()
      .Name("smartbatch_build_info")
      .Help("Always 1; the labels tell the build.")
      .Register(registry_)
      .Add({{"version", version}})
      .Set(1);
}

void ServerMetrics::CallHandled(int code, Duration took) {
  calls_.handled(code).Increment();
  observations_.Observe(calls_.handling(), ToSeconds(took));
}

std::vector<prometheus::MetricFamily> ServerMetrics::Collect() const {
  return observations_.FlushAndRead([this] {
    SetCallGauges();
    SetDeviceGauges();
    return registry_.Collect();
  });
}

void ServerMetrics::SetCallGauges() const {
  if (!calls_in_transit_) return;
  const CallsInTransit calls = calls_in_transit_();
  const prometheus::Labels requests = {{"what", "request"}};
  const prometheus::Labels answers = {{"what", "answer"}};
  in_transit_.Add(requests).Set(static_cast<double>(calls.requests_arriving));
  in_transit_.Add(answers).Set(static_cast<double>(calls.answers_leaving));
  const auto raise = [this](const prometheus::Labels& labels, std::uint64_t to) {
    prometheus::Counter& counter = given_up_.Add(labels);
    counter.Increment(static_cast<double>(to) - counter.Value());
  };
  raise(requests, calls.requests_given_up);
  raise(answers, calls.answers_given_up);
}

void ServerMetrics::SetDeviceGauges() const {
  if (!devices_) return;
  // Made anew each time, since a reload may have taken a device away: there are few.
  for (prometheus::Gauge* const gauge : slots_) device_slots_.Remove(gauge);
  for (prometheus::Gauge* const gauge : slots_in_use_) device_slots_in_use_.Remove(gauge);
  slots_.clear();
  slots_in_use_.clear();
  for (const runtime::DeviceTable::Use& device : devices_()) {
    const prometheus::Labels labels = {{"device", device.name}};
    slots_.push_back(&device_slots_.Add(labels));
    slots_.back()->Set(device.slots);
    slots_in_use_.push_back(&device_slots_in_use_.Add(labels));
    slots_in_use_.back()->Set(device.slots_in_use);
  }
}

}  // namespace smartbatch::metrics
