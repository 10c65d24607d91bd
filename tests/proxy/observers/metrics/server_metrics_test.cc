#include "services/proxy/observers/metrics/server_metrics.h"

#include <chrono>
#include <string>

#include <gmock/gmock.h>
#include <prometheus/text_serializer.h>

namespace smartbatch::metrics {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

std::string TextOf(const ServerMetrics& metrics) { return prometheus::TextSerializer().Serialize(metrics.Collect()); }

TEST(ServerMetrics, TellsTheBuildAndHowTheLastReloadEnded) {
  ServerMetrics metrics("1.2.3");
  EXPECT_THAT(TextOf(metrics), HasSubstr("smartbatch_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(TextOf(metrics), HasSubstr("\nsmartbatch_config_last_reload_successful 1\n"));
  metrics.ReloadEnded(false);
  EXPECT_THAT(TextOf(metrics), HasSubstr("\nsmartbatch_config_last_reload_successful 0\n"));
}

TEST(ServerMetrics, CountsCallsAsAGrpcServerDoes) {
  const std::string method =
      R"(grpc_method="ProxyClassify",grpc_service="smartbatch.proxy.v1.ProxyService",grpc_type="unary")";
  ServerMetrics metrics("");
  metrics.CallStarted();
  metrics.CallHandled(3, milliseconds(2));
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("grpc_server_started_total{" + method + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"InvalidArgument\"," + method + "} 1\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handled_total{grpc_code=\"OK\"," + method + "} 0\n"));
  EXPECT_THAT(text, HasSubstr("grpc_server_handling_seconds_sum{" + method + "} 0.002"));
}

TEST(ServerMetrics, CallsInTransitFollowTheirSource) {
  ServerMetrics metrics("");
  CallsInTransit calls{.requests_arriving = 3, .answers_leaving = 2, .requests_given_up = 5, .answers_given_up = 7};
  metrics.WatchCalls([&calls] { return calls; });
  TextOf(metrics);
  calls.requests_arriving = 1;
  calls.requests_given_up = 6;
  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("smartbatch_calls_in_transit{what=\"request\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("smartbatch_calls_in_transit{what=\"answer\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("smartbatch_calls_given_up_total{what=\"request\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("smartbatch_calls_given_up_total{what=\"answer\"} 7\n"));
}

}  // namespace
}  // namespace smartbatch::metrics
