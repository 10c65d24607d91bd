#include "common/utf8.h"

#include <gtest/gtest.h>

namespace smartbatch {
namespace {

TEST(CountCodePoints, CountsCharactersNotBytes) {
  EXPECT_EQ(CountCodePoints(""), 0U);
  EXPECT_EQ(CountCodePoints("abc"), 3U);
  EXPECT_EQ(CountCodePoints("\xC3\xA9"), 1U);           // U+00E9
  EXPECT_EQ(CountCodePoints("\xE2\x82\xAC"), 1U);       // U+20AC
  EXPECT_EQ(CountCodePoints("\xF0\x9F\x98\x80x"), 2U);  // U+1F600
  EXPECT_EQ(CountCodePoints("\xF4\x8F\xBF\xBF"), 1U);   // U+10FFFF
  EXPECT_EQ(CountCodePoints(std::string_view("\0a", 2)), 2U);
}

TEST(CountCodePoints, RefusesWhatIsNotUtf8) {
  for (const std::string_view text : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80",
                                      "\xF8\x88\x80\x80\x80", "a\xFF", "\xE2\x82"}) {
    EXPECT_FALSE(CountCodePoints(text).has_value());
  }
}

TEST(FirstCodePoints, CutsBetweenCharacters) {
  EXPECT_EQ(FirstCodePoints("a\xC3\xA9z", 2), "a\xC3\xA9");
  EXPECT_EQ(FirstCodePoints("abc", 5), "abc");
  EXPECT_EQ(FirstCodePoints("abc", 0), "");
}

}  // namespace
}  // namespace smartbatch
