#include "services/proxy/observers/metrics/joined_metrics.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

namespace smartbatch::metrics {
namespace {

std::shared_ptr<prometheus::Registry> Counting(const std::string& name, const prometheus::Labels& labels,
                                               double value) {
  auto registry = std::make_shared<prometheus::Registry>();
  prometheus::BuildCounter().Name(name).Help("Help of " + name + ".").Register(*registry).Add(labels).Increment(value);
  return registry;
}

TEST(JoinedMetrics, TellAFamilyOnceAndLabelOnlyWhatHasAModel) {
  const JoinedMetrics joined({{Counting("server_total", {}, 1)},
                              {Counting("requests_total", {{"customer", "a"}}, 2)},
                              {Counting("requests_total", {{"customer", "a"}}, 3), "large"},
                              {Counting("requests_total", {{"customer", "b"}}, 4), "small"}});
  EXPECT_EQ(prometheus::TextSerializer().Serialize(joined.Collect()),
            "# HELP server_total Help of server_total.\n"
            "# TYPE server_total counter\n"
            "server_total 1\n"
            "# HELP requests_total Help of requests_total.\n"
            "# TYPE requests_total counter\n"
            "requests_total{customer=\"a\"} 2\n"
            "requests_total{customer=\"a\",model=\"large\"} 3\n"
            "requests_total{customer=\"b\",model=\"small\"} 4\n");
}

}  // namespace
}  // namespace smartbatch::metrics
