// The fault matrix, a test for each fault. The program fault-matrix plays all of it and prints how the calls ended.
#include "tests/reliability/fault_matrix.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace smartbatch::testing {
namespace {

std::vector<std::string> Names() {
  std::vector<std::string> names;
  for (const Fault& fault : AllFaults()) names.push_back(fault.name);
  return names;
}

std::string AsIdentifier(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class FaultMatrix : public ::testing::TestWithParam<std::string> {};

TEST_P(FaultMatrix, LosesNothingAndFailsOnlyWhatMustFail) {
  const std::vector<Fault> faults = AllFaults();
  const auto fault = std::find_if(faults.begin(), faults.end(), [](const Fault& f) { return f.name == GetParam(); });
  ASSERT_NE(fault, faults.end());
  const Tally tally = Play(*fault, std::chrono::seconds(SMARTBATCH_FAULT_SECONDS));
  EXPECT_EQ(Verdict(*fault, tally), "") << tally.ways;
}

INSTANTIATE_TEST_SUITE_P(Faults, FaultMatrix, ::testing::ValuesIn(Names()), AsIdentifier);

}  // namespace
}  // namespace smartbatch::testing
