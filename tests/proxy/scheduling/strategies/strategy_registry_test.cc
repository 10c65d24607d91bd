#include "services/proxy/scheduling/strategies/strategy_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <iterator>
#include <set>
#include <string>

#include "common/field_error.h"
#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

using testing::HasSubstr;

std::string MessageOf(const StrategyChoice& choice) { return std::string(CheckChoice(choice).status().message()); }

TEST(Strategies, AreDescribedAndAcceptTheirOwnDefaultsAndLimits) {
  std::set<std::string> names;
  for (const StrategySpecification& strategy : AllStrategies()) {
    EXPECT_TRUE(names.insert(strategy.name).second) << strategy.name << " is there twice";
    EXPECT_FALSE(strategy.description.empty()) << strategy.name;
    for (const ParameterSpecification& parameter : strategy.parameters) {
      EXPECT_FALSE(parameter.description.empty()) << strategy.name << "." << parameter.name;
      EXPECT_LE(parameter.minimum, parameter.default_value) << strategy.name << "." << parameter.name;
      EXPECT_LE(parameter.default_value, parameter.maximum) << strategy.name << "." << parameter.name;
      for (const double value : {parameter.minimum, parameter.default_value, parameter.maximum}) {
        const StrategyChoice choice{strategy.name, {{parameter.name, FormatValue(parameter, value)}}};
        const auto checked = CheckChoice(choice);
        ASSERT_TRUE(checked.ok()) << checked.status().message();
        EXPECT_EQ(checked->parameters[parameter.name], value);
      }
    }
  }
}

TEST(Strategies, RefuseValuesBeyondTheirLimitsAndNameTheRange) {
  for (const StrategySpecification& strategy : AllStrategies()) {
    for (const ParameterSpecification& parameter : strategy.parameters) {
      const bool is_number = parameter.kind == ParameterSpecification::Kind::kNumber ||
                             parameter.kind == ParameterSpecification::Kind::kInteger;
      if (!is_number) continue;
      for (const double value : {parameter.minimum - 1, parameter.maximum + 1}) {
        const std::string text = FormatValue(parameter, value);
        const std::string message = MessageOf({strategy.name, {{parameter.name, text}}});
        EXPECT_THAT(message, HasSubstr("'" + text + "' is out of range for parameter '" + parameter.name + "'"));
        EXPECT_THAT(message, HasSubstr(FormatValue(parameter, parameter.maximum)));
      }
    }
  }
}

TEST(Strategies, RefuseAnUnknownNameAndListTheValidOnes) {
  const auto checked = CheckChoice({"sfj", {}});
  EXPECT_EQ(checked.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(FieldOf(checked.status()), "strategy");
  std::string valid;
  for (const StrategySpecification& strategy : AllStrategies()) valid += (valid.empty() ? "" : ", ") + strategy.name;
  EXPECT_EQ(MessageOf({"sfj", {}}), "there is no strategy 'sfj'; choose one of " + valid);
}

TEST(Strategies, RefuseAnUnknownParameterAndListTheValidOnes) {
  const auto checked = CheckChoice({"fcfs", {{"linger", "5"}}});
  EXPECT_EQ(FieldOf(checked.status()), "parameters[linger]");
  EXPECT_THAT(MessageOf({"fcfs", {{"linger", "5"}}}), HasSubstr("it has linger_ms"));
  EXPECT_THAT(MessageOf({"sjf", {{"linger", "5"}}}), HasSubstr("it has none"));
}

TEST(Strategies, RefuseWhatIsNotANumber) {
  for (const char* const text : {"", "abc", "1e999", "nan", "inf", "5 ms"}) {
    EXPECT_THAT(MessageOf({"fcfs", {{"linger_ms", text}}}), HasSubstr("give a number from 0 to 10000")) << text;
  }
}

TEST(Strategies, AreRefusedInOneLineWhateverTheirNamesHold) {
  const std::string name = "two\nlines\x01";
  const std::string shown = R"('two\nlines\x01')";
  EXPECT_THAT(MessageOf({name, {}}), HasSubstr("there is no strategy " + shown + "; choose one of"));
  EXPECT_THAT(MessageOf({"fcfs", {{name, "5"}}}), HasSubstr("has no parameter " + shown + "; it has linger_ms"));
  EXPECT_THAT(MessageOf({"fcfs", {{"linger_ms", name}}}), HasSubstr(shown + " is out of range for parameter"));
  EXPECT_EQ(FieldOf(CheckChoice({"fcfs", {{name, "5"}}}).status()), "parameters[" + name + "]");  // as it was sent
  auto scheduler = *Scheduler::Create({}, {"adaptive", {}}, nullptr);
  EXPECT_THAT(std::string(scheduler->Follow(name).message()), HasSubstr("cannot follow " + shown));
}

// --- What is written of them elsewhere ---

std::string Text(const std::string& path) {
  std::ifstream file(std::string(SMARTBATCH_SOURCE_DIR) + "/" + path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string Row(const StrategySpecification& strategy) {
  const StrategyPromises promises = PromisesOf(strategy);
  const char* const requests[] = {"in parts", "together if all that waits fits", "together"};
  const char* const order[] = {"no", "of each customer", "of all"};
  std::string idle = "nothing";
  if (promises.linger > Duration::zero()) {
    idle = std::to_string(promises.linger / std::chrono::milliseconds(1)) + " ms";
  } else if (promises.hold > 0) {
    idle = std::to_string(std::lround(100 * promises.hold)) + " % of the batch's cost";
  }
  return "| `" + strategy.name + "` | " + requests[static_cast<int>(promises.requests)] + " | " +
         order[static_cast<int>(promises.order)] + " | " +
         (promises.riders_are_no_longer ? "nothing longer" : "anything") + " | " + idle + " | " +
         (promises.gives_up ? "yes" : "no") + " | " + (promises.shares_between_customers ? "yes" : "no") + " |\n";
}

TEST(Strategies, StandInTheDocumentsEachWithWhatItPromises) {
  const std::string strategies = Text("docs/STRATEGIES.md");
  const std::string readme = Text("README.md");
  const std::string which_one = strategies.substr(0, strategies.find("**When the default is not enough.**"));
  for (const StrategySpecification& strategy : AllStrategies()) {
    EXPECT_THAT(readme, HasSubstr("\n| `" + strategy.name + "` |"));
    EXPECT_THAT(which_one, HasSubstr("`" + strategy.name + "`"));
    EXPECT_NE(strategies.find(Row(strategy)), std::string::npos) << "docs/STRATEGIES.md lacks\n" << Row(strategy);
  }
}

// The sentence that says for whom the log warns.
TEST(Strategies, ThatShareBetweenCustomersAreThoseThatTheDocumentNames) {
  const std::string document = Text("docs/STRATEGIES.md");
  const std::size_t begin = document.find("that does not share between customers (all but ");
  ASSERT_NE(begin, std::string::npos);
  const std::string sentence = document.substr(begin, document.find(')', begin) - begin);
  for (const StrategySpecification& strategy : AllStrategies()) {
    const bool is_named = sentence.find("`" + strategy.name + "`") != std::string::npos;
    EXPECT_EQ(is_named, PromisesOf(strategy).shares_between_customers) << strategy.name;
  }
}

TEST(Strategies, HaveAFileOfTestsEach) {
  for (const StrategySpecification& strategy : AllStrategies()) {
    EXPECT_THAT(Text("tests/proxy/scheduling/strategies/" + strategy.name + "_test.cc"), HasSubstr("TEST"))
        << strategy.name;
  }
}

TEST(SetStrategy, ChangesNothingWhereItIsRefused) {
  auto scheduler = *Scheduler::Create({}, {"fcfs", {{"linger_ms", "20"}}}, nullptr);
  const std::uint64_t generation = scheduler->generation();
  EXPECT_FALSE(scheduler->SetStrategy({"nope", {}}).ok());
  EXPECT_FALSE(scheduler->SetStrategy({"fcfs", {{"linger_ms", "-1"}}}).ok());
  EXPECT_EQ(scheduler->SetStrategy({"sjf", {}}, generation + 1).status().code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(scheduler->SetStrategy({"sjf", {}}, generation, /*validate_only=*/true).ok());
  EXPECT_EQ(scheduler->generation(), generation);
  EXPECT_EQ(scheduler->strategy().name, "fcfs");
  EXPECT_EQ(scheduler->strategy().parameters.at("linger_ms"), "20");
}

TEST(SetStrategy, TellsWhatItReplaced) {
  auto scheduler = *Scheduler::Create({}, {"fcfs", {}}, nullptr);
  const auto change = scheduler->SetStrategy({"sjf", {}}, scheduler->generation());
  ASSERT_TRUE(change.ok());
  EXPECT_EQ(change->previous.name, "fcfs");
  EXPECT_EQ(change->current.name, "sjf");
  EXPECT_EQ(change->generation, scheduler->generation());
}

}  // namespace
}  // namespace smartbatch::scheduling
