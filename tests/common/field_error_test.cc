#include "common/field_error.h"

#include <gtest/gtest.h>

namespace smartbatch {
namespace {

TEST(FieldError, NamesItsFieldAndKeepsTheFieldAsItWasWritten) {
  const absl::Status status = FieldError("parameters[a\nb]", "1 is out of range");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "1 is out of range");
  EXPECT_EQ(FieldOf(status), "parameters[a\nb]");
}

TEST(FieldOf, IsNothingForAnyOtherStatus) {
  EXPECT_EQ(FieldOf(absl::InvalidArgumentError("wrong")), std::nullopt);
  EXPECT_EQ(FieldOf(absl::OkStatus()), std::nullopt);
}

TEST(Quoted, IsOneLineOfPlainAsciiWhateverWasWritten) {
  EXPECT_EQ(Quoted("sjf"), "'sjf'");
  EXPECT_EQ(Quoted("two\nlines\x01"), R"('two\nlines\x01')");
  EXPECT_EQ(Quoted("\xff'"), R"('\xff\'')");
  EXPECT_EQ(Quoted(std::string_view("\0", 1)), R"('\x00')");
}

}  // namespace
}  // namespace smartbatch
