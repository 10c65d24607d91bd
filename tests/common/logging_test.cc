#include "common/program/logging.h"

#include <gtest/gtest.h>

namespace smartbatch::program {
namespace {

TEST(Quoted, CannotForgeALineOrEndItsQuotes) {
  EXPECT_EQ(Quoted("plain"), R"("plain")");
  EXPECT_EQ(Quoted("a\nb\r\x1b[31m\t"), R"("a\nb\r\u001b[31m\t")");
  EXPECT_EQ(Quoted(R"(" code=OK \)"), R"("\" code=OK \\")");
  EXPECT_EQ(Quoted("\xff"), "\"\xef\xbf\xbd\"") << "what is no UTF-8 is replaced";
}

}  // namespace
}  // namespace smartbatch::program
