#include "services/proxy/observers/metrics/call_series.h"

#include <prometheus/family.h>

namespace smartbatch::metrics {
namespace {

constexpr std::array<const char*, 17> kCodeNames = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
constexpr std::size_t kUnknown = 2;

prometheus::Labels LabelsOf(const std::string& service, const std::string& method) {
  return {{"grpc_type", "unary"}, {"grpc_service", service}, {"grpc_method", method}};
}

}  // namespace

CallSeries::CallSeries(prometheus::Registry& registry, const std::string& service, const std::string& method)
    : started_(prometheus::BuildCounter()
                   .Name("grpc_server_started_total")
                   .Help("Total number of RPCs started on the server.")
                   .Register(registry)
                   .Add(LabelsOf(service, method))),
      handling_(prometheus::BuildHistogram()
                    .Name("grpc_server_handling_seconds")
                    .Help("Histogram of response latency (seconds) of gRPC that had been application-level handled by "
                          "the server.")
                    .Register(registry)
                    .Add(LabelsOf(service, method), prometheus::Histogram::BucketBoundaries{
                                                        0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})) {
  auto& handled = prometheus::BuildCounter()
                      .Name("grpc_server_handled_total")
                      .Help("Total number of RPCs completed on the server, regardless of success or failure.")
                      .Register(registry);
  for (std::size_t code = 0; code < kCodes; ++code) {
    auto labels = LabelsOf(service, method);
    labels["grpc_code"] = kCodeNames.at(code);
    handled_.at(code) = &handled.Add(labels);
  }
}

prometheus::Counter& CallSeries::handled(int code) {
  const auto index = static_cast<std::size_t>(code);
  return *handled_.at(index < kCodes ? index : kUnknown);
}

}  // namespace smartbatch::metrics
