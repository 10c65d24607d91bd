#include "services/proxy/config/reloader.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "common/field_error.h"
#include "tests/proxy/config/config_reading.h"

namespace smartbatch::proxy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Lines(const std::vector<FieldChange>& changes) {
  std::vector<std::string> lines;
  for (const FieldChange& change : changes) {
    lines.push_back(change.field + ": '" + change.before + "' -> '" + change.after + "'");
  }
  return lines;
}

TEST(Changes, NamesEverySettingThatIsDifferentAndNoOther) {
  const Config before = ConfigOf(R"(customers { name: "A" weight: 1 } customers { name: "gone" })");
  const Config after = ConfigOf(R"(
      customers { name: "A" weight: 3 } customers { name: "new" tier: 2 latency_objective_ms: 250 }
      limits { max_queued_bytes: 7 } strategy { name: "fcfs" parameters { key: "linger_ms" value: "20" } })");
  EXPECT_THAT(Lines(Changes(before, after)),
              ElementsAre("customers[A].weight: '1' -> '3'", "customers[gone].tier: '0' -> ''",
                          "customers[gone].weight: '1' -> ''", "customers[new].latency_objective_ms: '' -> '250'",
                          "customers[new].tier: '' -> '2'", "customers[new].weight: '' -> '1'",
                          "limits.max_queued_bytes: '1073741824' -> '7'", "strategy.name: 'density' -> 'fcfs'",
                          "strategy.parameters[linger_ms]: '' -> '20'"));
  EXPECT_THAT(Changes(before, before), IsEmpty());
}

TEST(Changes, RightsOfCustomersCanChangeWhileTheProxyRuns) {
  const Config before;
  const Config after = ConfigOf(R"(
      tls { bound_customers_only: true } customers { name: "A" certificate_names: ["a.test", "b.test"] })");
  EXPECT_THAT(Lines(Changes(before, after)),
              ElementsAre("customers[A].certificate_names: '' -> 'a.test,b.test'", "customers[A].tier: '' -> '0'",
                          "customers[A].weight: '' -> '1'", "tls.bound_customers_only: 'false' -> 'true'"));
  EXPECT_TRUE(CheckCanChange(Changes(before, after)).ok());
}

// A setting that cannot change while the proxy runs: its path, and a file that changes it.
class Fixed : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Fixed, IsAnErrorThatNamesFieldAndValues) {
  const auto& [field, text] = GetParam();
  const absl::Status status = CheckCanChange(Changes(Config(), ConfigOf(text)));
  EXPECT_EQ(FieldOf(status), field);
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(field), HasSubstr("restart")));
}

INSTANTIATE_TEST_SUITE_P(
    Settings, Fixed,
    ::testing::Values(std::pair("listen", R"(listen: "127.0.0.1:1")"),
                      std::pair("admin_listen", R"(admin_listen: "127.0.0.1:1")"),
                      std::pair("metrics_listen", R"(metrics_listen: "127.0.0.1:1")"),
                      std::pair("threads", "threads: 2"), std::pair("health_check_seconds", "health_check_seconds: 2"),
                      std::pair("lookup_seconds", "lookup_seconds: 2"), std::pair("cost.fixed", "cost { fixed: 1 }"),
                      std::pair("cost.profile", R"(cost { profile: "gpu" })"),
                      std::pair("tls.client_ca", R"(tls { client_ca: "a.pem" })"),
                      std::pair("admin_token_file", R"(admin_token_file: "token")"),
                      std::pair("connections.max_concurrent_calls", "connections { max_concurrent_calls: 1 }"),
                      std::pair("limits.max_batch_size", "limits { max_batch_size: 8 }"),
                      std::pair("limits.max_sequence_length", "limits { max_sequence_length: 8 }"),
                      std::pair("open_inference.model", R"(backends { address: "oip://127.0.0.1:1/other" })"),
                      std::pair("decision_log", R"(decision_log: "decisions.jsonl")")),
    [](const auto& setting) {
      return absl::StrReplaceAll(setting.param.first, {{".", "_"}});
    });

class ReloaderTest : public ::testing::Test {
 protected:
  absl::StatusOr<Config> next_ = Config();
  absl::Status apply_ = absl::OkStatus();
  std::vector<double> applied_;  // the drain_seconds of each
  std::vector<bool> reported_;
  Reloader reloader_{Config(), [this] { return next_; },
                     [this](const Config&, const Config& after) {
                       if (apply_.ok()) applied_.push_back(after.settings.drain_seconds());
                       return apply_;
                     },
                     [this](bool successful) { reported_.push_back(successful); }};
};

TEST_F(ReloaderTest, TakesOverWhatHasChangedAndTellsIt) {
  next_->settings.set_drain_seconds(3);
  const auto reloaded = reloader_.Reload();
  ASSERT_TRUE(reloaded.ok());
  EXPECT_THAT(Lines(reloaded->changes), ElementsAre("drain_seconds: '10' -> '3'"));
  EXPECT_THAT(applied_, ElementsAre(3));
  EXPECT_THAT(reported_, ElementsAre(true));
  EXPECT_EQ(reloader_.current().settings.drain_seconds(), 3);
  EXPECT_THAT(reloader_.Reload()->changes, IsEmpty());
}

TEST_F(ReloaderTest, ChangesNothingIfTheFileIsWrong) {
  next_ = absl::InvalidArgumentError("threads is 100");
  EXPECT_EQ(reloader_.Reload().status(), next_.status());
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_THAT(reported_, ElementsAre(false));
  next_ = Config();
  EXPECT_THAT(reloader_.Reload()->changes, IsEmpty());
  EXPECT_THAT(reported_, ElementsAre(false, true));
}

TEST_F(ReloaderTest, ChangesNothingWhereOneSettingOfSeveralNeedsARestart) {
  next_->settings.set_drain_seconds(3);
  next_->settings.set_threads(2);
  EXPECT_EQ(FieldOf(reloader_.Reload().status()), "threads");
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_EQ(reloader_.current().settings.drain_seconds(), 10);
}

TEST_F(ReloaderTest, ChangesNothingWhereItCannotBeApplied) {
  next_->settings.set_drain_seconds(3);
  apply_ = absl::InvalidArgumentError("not now");
  EXPECT_EQ(reloader_.Reload().status(), apply_);
  EXPECT_EQ(reloader_.current().settings.drain_seconds(), 10);
  EXPECT_THAT(reported_, ElementsAre(false));
}

TEST_F(ReloaderTest, TellsWhatTheFileChangesWithoutEffect) {
  // A flag says 10 seconds, whatever the file says.
  next_->file.set_drain_seconds(3);
  next_->file.set_threads(1);
  const auto reloaded = reloader_.Reload();
  ASSERT_TRUE(reloaded.ok());
  EXPECT_THAT(reloaded->changes, IsEmpty());
  EXPECT_THAT(Lines(reloaded->overridden), ElementsAre("drain_seconds: '10' -> '3'"));
  EXPECT_THAT(reloader_.Reload()->overridden, IsEmpty()) << "the file has not changed again";
  next_->file.set_drain_seconds(10);
  EXPECT_THAT(reloader_.Reload()->overridden, IsEmpty()) << "it says the same as the flag";
}

TEST_F(ReloaderTest, ValidateOnlyTellsAndChangesNothing) {
  next_->settings.set_drain_seconds(3);
  EXPECT_EQ(reloader_.Reload(true)->changes.size(), 1U);
  EXPECT_THAT(applied_, IsEmpty());
  EXPECT_THAT(reported_, IsEmpty());
  EXPECT_EQ(reloader_.current().settings.drain_seconds(), 10);
}

}  // namespace
}  // namespace smartbatch::proxy
