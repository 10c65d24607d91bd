// What loadgen says of itself: help, completion, the manual page.
#include <cstddef>
#include <string>

#include <gmock/gmock.h>

#include "tests/loadgen/program_fixture.h"

namespace smartbatch::loadgen {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

class HelpProgramTest : public ProgramTest {};

TEST_F(HelpProgramTest, EveryVerbHasHelpWithTwoExamples) {
  for (const char* const verb : {"run", "compare", "sweep", "record", "replay", "simulate", "report", "diff",
                                 "workload", "strategy", "probe", "classify", "completion", "manual"}) {
    const ProcessOutcome outcome = Loadgen({verb, "--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    const std::size_t examples = outcome.output.find("Examples:\n");
    ASSERT_NE(examples, std::string::npos) << verb;
    int shown = 0;
    const std::string call = "loadgen " + std::string(verb);
    for (std::size_t at = examples; (at = outcome.output.find(call, at)) != std::string::npos; ++at) ++shown;
    EXPECT_GE(shown, 2) << outcome.output;
  }
}

TEST_F(HelpProgramTest, BashCompletesVerbsFlagsAndValues) {
  Write("completion", Loadgen({"completion"}).output);
  const auto complete = [&](const std::string& words) {
    const ProcessOutcome outcome =
        RunHere({"/bin/bash", "-c",
                 "source completion && COMP_WORDS=(" + words +
                     ") && COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) && _loadgen && echo \" ${COMPREPLY[*]} \""});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
    return outcome.output;
  };
  EXPECT_EQ(complete("loadgen sw"), " sweep \n");
  EXPECT_THAT(complete("loadgen run --seed"), AllOf(HasSubstr(" --seed "), HasSubstr(" --seed-arrivals ")));
  EXPECT_THAT(complete("loadgen run --slo-nonsense"), EndsWith("  \n"));
  EXPECT_THAT(complete("loadgen run --progress ''"), AllOf(HasSubstr(" plain "), HasSubstr(" none ")));
  EXPECT_THAT(complete("loadgen compare --workload mi"), HasSubstr(" mixed "));
  EXPECT_THAT(complete("loadgen simulate --strategies den"), HasSubstr(" density "));
  EXPECT_EQ(complete("loadgen strategy se"), " set \n");
  EXPECT_THAT(complete("loadgen strategy set --para"), HasSubstr(" --param "));
}

TEST_F(HelpProgramTest, TheManualPageIsWellFormedAndHasEveryVerb) {
  const ProcessOutcome manual = Loadgen({"manual"});
  ASSERT_EQ(manual.exit_code, 0);
  for (const char* const verb : {"run", "compare", "sweep", "record", "replay", "simulate", "workload validate",
                                 "strategy set", "probe", "classify"}) {
    EXPECT_THAT(manual.output, HasSubstr(".SS loadgen " + std::string(verb) + "\n"));
  }
  EXPECT_THAT(manual.output, HasSubstr(".SH EXIT STATUS"));
  if (RunHere({"/bin/sh", "-c", "command -v groff"}).exit_code != 0) GTEST_SKIP() << "groff is not installed";
  Write("loadgen.1", manual.output);
  const ProcessOutcome checked = RunHere({"/bin/sh", "-c", "groff -man -ww -z -Tutf8 -Kutf8 loadgen.1"});
  EXPECT_EQ(checked.exit_code, 0);
  EXPECT_EQ(checked.output, "");
}

}  // namespace
}  // namespace smartbatch::loadgen
