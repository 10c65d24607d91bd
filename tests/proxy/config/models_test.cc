#include "services/proxy/config/models.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "services/proxy/config/config_changes.h"

namespace smartbatch::proxy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

Config Parsed(const std::string& text) {
  Config config;
  const absl::Status status = ParseConfig(text, ConfigFormat::kText, config);
  EXPECT_TRUE(status.ok()) << status;
  return config;
}

constexpr char kTwo[] = R"(
    backends { address: "127.0.0.1:1" } strategy { name: "fcfs" parameters { key: "linger_ms" value: "7" } }
    limits { max_batch_size: 8 max_queued_requests: 100 } cost { fixed: 0.5 per_sequence: 0.25 } threads: 3
    models { name: "large" backends { address: "127.0.0.1:2" slots: 4 } limits { max_batch_size: 2 } cost { fixed: 1 } })";

TEST(ModelsOf, TheDefaultOneIsWhatStandsOutside) {
  const auto models = ModelsOf(Parsed(kTwo));
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0].name, "default");
  EXPECT_EQ(models[0].config.settings.backends(0).address(), "127.0.0.1:1");
  EXPECT_EQ(models[0].config.limits().max_batch_size, 8U);
  EXPECT_TRUE(models[0].config.settings.models().empty());
}

TEST(ModelsOf, AFurtherOneHasItsOwnSettingsAndElseThoseOutside) {
  const auto models = ModelsOf(Parsed(kTwo));
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[1].name, "large");
  const Config& large = models[1].config;
  ASSERT_EQ(large.settings.backends_size(), 1);
  EXPECT_EQ(large.settings.backends(0).address(), "127.0.0.1:2");
  EXPECT_EQ(large.settings.backends(0).slots(), 4U);
  EXPECT_EQ(large.limits().max_batch_size, 2U);
  EXPECT_EQ(large.limits().max_queued_requests, 100U);
  EXPECT_EQ(large.cost().fixed, 1);
  EXPECT_EQ(large.cost().per_sequence, 0.25);
  EXPECT_EQ(large.strategy().name, "fcfs");
  EXPECT_EQ(large.strategy().parameters.at("linger_ms"), "7");
  EXPECT_EQ(large.settings.threads(), 3U);
}

TEST(ModelsOf, TheCostOfOneIsAssumedUnlessATermOrAProfileIsGiven) {
  const auto assumed = [](const std::string& outside, const std::string& its_own) {
    const std::string model = absl::StrCat(" models { name: \"m\" backends { address: \"b:1\" } ", its_own, " }");
    return ModelsOf(Parsed(outside + model))[1].config.limits().backends.costs_are_assumed;
  };
  EXPECT_TRUE(assumed("", ""));
  EXPECT_TRUE(assumed("cost { }", "cost { }"));
  EXPECT_FALSE(assumed("", "cost { profile: \"seed\" }"));
  EXPECT_FALSE(assumed("", "cost { per_sequence: 0 }"));
  EXPECT_FALSE(assumed("cost { knee: 1 }", ""));
  EXPECT_TRUE(Parsed("threads: 1").limits().backends.costs_are_assumed);
  EXPECT_FALSE(Parsed("cost { fixed: 0.5 }").limits().backends.costs_are_assumed);
}

TEST(ModelsOf, AnotherStrategyTakesNoParametersOfTheOneOutside) {
  const auto models = ModelsOf(Parsed(std::string(kTwo) + R"(models { name: "third" strategy { name: "sjf" } })"));
  EXPECT_EQ(models[2].config.strategy().name, "sjf");
  EXPECT_TRUE(models[2].config.strategy().parameters.empty());
}

TEST(ModelsOf, EachWritesADecisionLogOfItsOwn) {
  Config config = Parsed(kTwo);
  EXPECT_EQ(ModelsOf(config)[1].config.settings.decision_log(), "");
  config.settings.set_decision_log("/tmp/log.jsonl");
  EXPECT_EQ(ModelsOf(config)[0].config.settings.decision_log(), "/tmp/log.jsonl");
  EXPECT_EQ(ModelsOf(config)[1].config.settings.decision_log(), "/tmp/log.jsonl.large");
}

class AWrongModel : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(AWrongModel, IsAnErrorThatSaysWhatToDo) {
  const auto& [text, error] = GetParam();
  const absl::Status status = Parsed(text).Validate();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(error));
}

INSTANTIATE_TEST_SUITE_P(
    All, AWrongModel,
    ::testing::Values(
        std::pair(R"(models { backends { address: "a:1" } })", "a model's name is \"\"; give 1 to 64 of letters"),
        std::pair(R"(models { name: "a/b" backends { address: "a:1" } })", "a model's name is \"a/b\""),
        std::pair(R"(models { name: "default" backends { address: "a:1" } })", "default for the second time"),
        std::pair(
            R"(models { name: "a" backends { address: "a:1" } } models { name: "a" backends { address: "a:1" } })",
            "a for the second time"),
        std::pair(R"(models { name: "a" })", "models[a].backends is empty; name its backends"),
        std::pair(R"(models { name: "a" backends { address: "a:1" } strategy { name: "nope" } })", "models[a]: "),
        std::pair(R"(models { name: "a" backends { address: "a:1" } limits { max_batch_size: 0 } })",
                  "models[a].limits.max_batch_size is 0; it must be from 1 to 1024"),
        std::pair(R"(models { name: "a" backends { address: "oip://a:1/a" } })",
                  "all models are called by one protocol"),
        std::pair(R"(backends { address: "oip://a:1/m" } models { name: "a" backends { address: "a:1" } })",
                  "all models are called by one protocol"),
        std::pair(R"(backends { address: "oip://a:1/m" } models { name: "m" backends { address: "oip://a:2/m" } })",
                  "m for the second time"),
        std::pair(R"(backends { address: "oip://a:1/m" } models { name: "n" backends { address: "oip://a:2/k" } })",
                  "must be that of the entry's name")));

INSTANTIATE_TEST_SUITE_P(
    OnADevice, AWrongModel,
    ::testing::Values(
        std::pair(R"(backends { address: "h:1" device: "gpu0" })",
                  "backends[h:1].device is \"gpu0\"; add it to devices, such as devices {"),
        std::pair(R"(models { name: "a" backends { address: "a:1" device: "gpu0" } })",
                  "models[a]: backends[a:1].device is \"gpu0\""),
        std::pair("devices { slots: 2 }", "a device's name is \"\""),
        std::pair(R"(devices { name: "gpu 0" })", "a device's name is \"gpu 0\"; give 1 to 64 of letters"),
        std::pair(R"(devices { name: "gpu0" } devices { name: "gpu0" })", "gpu0 for the second time"),
        std::pair(R"(devices { name: "gpu0" slots: 0 })", "devices[gpu0].slots is 0; it must be from 1 to 1024"),
        std::pair(R"(devices { name: "gpu0" shares { model: "a" } })",
                  "devices[gpu0].shares is \"a\"; name one of the models default"),
        std::pair(R"(devices { name: "gpu0" shares { model: "default" } shares { model: "default" } })",
                  "default for the second time"),
        std::pair(R"(devices { name: "gpu0" shares { model: "default" weight: 0 } })",
                  "devices[gpu0].shares[default].weight is 0; it must be from 0.001 to 1000")));

TEST(ModelsInAReload, MayChangeTheirBackendsAndStrategyButNotTheirNumber) {
  const Config before = Parsed(kTwo);
  Config after = Parsed(kTwo);
  v1::ModelConfig& large = *after.settings.mutable_models(0);
  large.mutable_backends(0)->set_address("127.0.0.1:3");
  large.mutable_strategy()->set_name("sjf");
  EXPECT_FALSE(Changes(before, after).empty());
  EXPECT_TRUE(CheckCanChange(Changes(before, after)).ok());
  large.mutable_limits()->set_max_batch_size(3);
  EXPECT_THAT(std::string(CheckCanChange(Changes(before, after)).message()),
              HasSubstr("models[large].limits.max_batch_size is 3 and was 2 at the start"));
  const Config more = Parsed(std::string(kTwo) + R"(models { name: "third" backends { address: "127.0.0.1:4" } })");
  EXPECT_THAT(std::string(CheckCanChange(Changes(before, more)).message()),
              HasSubstr("models is large,third and was large at the start"));
  EXPECT_THAT(std::string(CheckCanChange(Changes(more, before)).message()),
              HasSubstr("models is large and was large,third"));
}

TEST(ModelsInAReload, WhatIsInheritedIsToldOnceAndATakenBackSettingAsNotThere) {
  const auto lines = [](const Config& before, const Config& after) {
    std::vector<std::string> all;
    for (const FieldChange& change : Changes(before, after)) {
      all.push_back(change.field + ": " + change.before + " -> " + change.after);
    }
    return all;
  };
  const Config before = Parsed(kTwo);
  Config after = Parsed(kTwo);
  after.settings.mutable_limits()->set_max_queued_requests(200);
  EXPECT_THAT(lines(before, after), ElementsAre("limits.max_queued_requests: 100 -> 200"));
  after.settings.mutable_models(0)->mutable_limits()->clear_max_batch_size();
  EXPECT_THAT(lines(before, after),
              ElementsAre("limits.max_queued_requests: 100 -> 200", "models[large].limits.max_batch_size: 2 -> "));
}

// --- Devices ---

constexpr char kOnOneDevice[] = R"(
    devices { name: "gpu0" slots: 2 shares { model: "large" weight: 3 } shares { model: "default" weight: 0.5 } }
    backends { address: "127.0.0.1:1" device: "gpu0" }
    models { name: "large" backends { address: "127.0.0.1:2" device: "gpu0" } }
    models { name: "third" backends { address: "127.0.0.1:3" device: "gpu0" } })";

TEST(ADevice, IsSharedByTheWeightsThatItNamesAndElseByOne) {
  const Config config = Parsed(kOnOneDevice);
  ASSERT_TRUE(config.Validate().ok()) << config.Validate();
  for (const ModelChoice& choice : ModelsOf(config)) {
    const double expected = choice.name == "large" ? 3 : choice.name == "default" ? 0.5 : 1;
    EXPECT_EQ(DeviceWeightOf(choice.config, "gpu0", choice.name), expected) << choice.name;
    EXPECT_EQ(DeviceWeightOf(choice.config, "gpu1", choice.name), 1);
  }
}

TEST(ADevice, ChangesWhileTheProxyRunsAndSoDoWhatRunsOnIt) {
  const std::string other = absl::StrReplaceAll(
      kOnOneDevice, {{"slots: 2", "slots: 1"}, {"weight: 3", "weight: 4"}, {"2\" device: \"gpu0\"", "2\""}});
  std::vector<std::string> changed;
  const std::vector<FieldChange> changes = Changes(Parsed(kOnOneDevice), Parsed(other));
  for (const FieldChange& change : changes) changed.push_back(change.field);
  EXPECT_THAT(changed, UnorderedElementsAre("devices[gpu0].slots", "devices[gpu0].shares[large].weight",
                                            "models[large].backends[127.0.0.1:2].device"));
  EXPECT_TRUE(CheckCanChange(changes).ok());
}

}  // namespace
}  // namespace smartbatch::proxy
