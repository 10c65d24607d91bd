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
                             .Add({})) {
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

}  // namespace smartbatch::metrics
