// What a proxy that was built without traces says to who asks for them.
#include <gmock/gmock.h>

#include "services/proxy/observers/traces/traces.h"
#include "tests/proxy/manual_clock.h"

namespace smartbatch::traces {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(AProxyBuiltWithoutTraces, RefusesAnEndpointAndSaysHowToBuildItWithThem) {
  const testing::ManualClock clock;
  const auto traces = Traces::Open({.endpoint = "http://127.0.0.1:4318/v1/traces", .version = "1"}, clock);
  ASSERT_EQ(traces.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(traces.status().message(),
              AllOf(HasSubstr("trace-endpoint"), HasSubstr("4318"), HasSubstr("SMARTBATCH_TRACES=ON")));
}

}  // namespace
}  // namespace smartbatch::traces
