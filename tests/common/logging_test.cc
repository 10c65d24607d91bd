#include "common/program/logging.h"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include "common/program/limited_log.h"

namespace smartbatch::program {
namespace {

TEST(Quoted, CannotForgeALineOrEndItsQuotes) {
  EXPECT_EQ(Quoted("plain"), R"("plain")");
  EXPECT_EQ(Quoted("a\nb\r\x1b[31m\t"), R"("a\nb\r\u001b[31m\t")");
  EXPECT_EQ(Quoted(R"(" code=OK \)"), R"("\" code=OK \\")");
  EXPECT_EQ(Quoted("\xff"), "\"\xef\xbf\xbd\"") << "what is no UTF-8 is replaced";
}

TEST(LogLimit, AdmitsItsNumberOfLinesInEachWindowAndTellsHowManyWereLeftOut) {
  using std::chrono::seconds;
  LogLimit limit(2, seconds(1));
  const LogLimit::Clock::time_point start{};
  EXPECT_EQ(limit.Admit(start), 0U);
  EXPECT_EQ(limit.Admit(start + seconds(1) / 2), 0U);
  EXPECT_EQ(limit.Admit(start + seconds(1) / 2), std::nullopt);
  EXPECT_EQ(limit.Admit(start + seconds(1) / 2), std::nullopt);
  EXPECT_EQ(limit.Admit(start + seconds(1)), 2U);
  EXPECT_EQ(limit.Admit(start + seconds(1)), 0U);
  EXPECT_EQ(limit.Admit(start + seconds(1)), std::nullopt);
  EXPECT_EQ(limit.Admit(start + seconds(9)), 1U);
}

}  // namespace
}  // namespace smartbatch::program
