// The series of a gRPC server, named as go-grpc-prometheus names them, so that ready-made dashboards work.
#pragma once

#include <array>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace smartbatch::metrics {

// The series of one unary method. Every series exists from the start. Thread safe.
class CallSeries {
 public:
  // The registry must outlive it.
  CallSeries(prometheus::Registry& registry, const std::string& service, const std::string& method);

  prometheus::Counter& started() { return started_; }
  // By the number of the gRPC status code.
  prometheus::Counter& handled(int code);
  prometheus::Histogram& handling() { return handling_; }

 private:
  static constexpr std::size_t kCodes = 17;

  prometheus::Counter& started_;
  std::array<prometheus::Counter*, kCodes> handled_{};
  prometheus::Histogram& handling_;
};

}  // namespace smartbatch::metrics
