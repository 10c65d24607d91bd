#include "common/timeline/chart.h"

#include <gmock/gmock.h>

namespace smartbatch::timeline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr Time At(double milliseconds) { return Time(Duration(static_cast<std::int64_t>(milliseconds * 1e6))); }

Chart OneBatch() {
  Chart chart;
  chart.title = "density";
  chart.seats = 5;
  chart.from = At(1000);
  chart.to = At(1250.5);
  chart.customers = {"A", "B"};
  chart.backends = {{"127.0.0.1:50061", 2}};
  chart.batches = {{.number = 7,
                    .backend = 0,
                    .start = At(1010),
                    .end = At(1024.4),
                    .predicted_seconds = 0.0144,
                    .strategy = "density",
                    .reason = "full",
                    .status = "OK",
                    .rows = {{0, 15, 31}, {1, 120, 32}}}};
  chart.requests = {{31, 0, At(990), At(1024.4), true}, {32, 1, At(1005), std::nullopt, false}};
  return chart;
}

TEST(Chart, TellsMillisecondsFromItsBeginningAndNothingForWhatHasNotEnded) {
  EXPECT_EQ(ToJson(OneBatch()).dump(),
            R"({"title":"density","note":"","seats":5,"duration_ms":250.5,"customers":["A","B"],)"
            R"("backends":[{"name":"127.0.0.1:50061","slots":2}],)"
            R"("batches":[{"number":7,"backend":0,"start_ms":10.0,"end_ms":24.4,"predicted_ms":14.4,)"
            R"("strategy":"density","reason":"full","status":"OK","rows":[[0,15,31],[1,120,32]]}],)"
            R"("requests":[{"number":31,"customer":0,"arrival_ms":-10.0,"end_ms":24.4,"answered":true},)"
            R"({"number":32,"customer":1,"arrival_ms":5.0,"end_ms":null,"answered":false}]})");
}

TEST(Chart, ItsTextInAScriptElementCannotEndTheElementAndIsUtf8) {
  Chart chart = OneBatch();
  chart.customers = {"</script><script>alert(1)</script>", "<!--", "\xff"};
  const std::string text = ScriptText(ToJson(chart));
  EXPECT_THAT(text, Not(HasSubstr("<")));
  const auto read = nlohmann::json::parse(text);
  EXPECT_EQ(read["customers"][0], "</script><script>alert(1)</script>");
  EXPECT_EQ(read["customers"][2], "\xEF\xBF\xBD");
}

}  // namespace
}  // namespace smartbatch::timeline
