// Tokens of texts by a vocabulary. That they are as many as those of the tokenizers package, with a real vocabulary and
// thousands of texts, is what tests/deploy/tokens.sh checks.
#include "common/word_pieces.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smartbatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

WordPieces Of(const std::string& vocabulary, std::uint32_t most_tokens = 1'000'000) {
  auto pieces = WordPieces::FromVocabulary(vocabulary, most_tokens);
  EXPECT_TRUE(pieces.ok()) << pieces.status();
  return *std::move(pieces);
}

// The tokens without the two around the text.
std::uint32_t Inner(const WordPieces& pieces, std::string_view text) { return pieces.Count(text) - 2; }

TEST(WordPieces, TakesTheLongestPieceFromTheFrontOfAWord) {
  const WordPieces pieces = Of("[UNK]\nun\nunaff\n##aff\n##able\n##a\n##b\n##l\n##e\n");
  EXPECT_EQ(Inner(pieces, "unaffable"), 2U);   // unaff ##able, and not un ##aff ##able
  EXPECT_EQ(Inner(pieces, "unable"), 2U);      // un ##able
  EXPECT_EQ(Inner(pieces, "un able"), 2U);     // un, and a word that nothing begins: unknown
  EXPECT_EQ(Inner(pieces, "unaffabl"), 4U);    // unaff ##a ##b ##l
  EXPECT_EQ(Inner(pieces, "unaffablex"), 1U);  // no end of it is a piece: the whole word is unknown
}

TEST(WordPieces, CountsTheTwoTokensAroundEveryText) {
  const WordPieces pieces = Of("a\n");
  EXPECT_EQ(pieces.Count(""), 2U);
  EXPECT_EQ(pieces.Count(" \t\r\n"), 2U);
  EXPECT_EQ(pieces.Count("a"), 3U);
}

TEST(WordPieces, PunctuationAndChineseCharactersAreWordsOfTheirOwn) {
  const WordPieces pieces = Of("a\n.\n##.\n中\n");
  EXPECT_EQ(Inner(pieces, "a.a"), 3U);
  EXPECT_EQ(Inner(pieces, "a中中a"), 4U);
  EXPECT_EQ(Inner(pieces, "..."), 3U);
  EXPECT_EQ(Inner(pieces, "a\u2014a"), 3U);  // a dash that is not ASCII
}

TEST(WordPieces, LowersAndDropsAccentsIfTheVocabularyHasNoCapitals) {
  const WordPieces uncased = Of("[UNK]\n[CLS]\necole\nxx\n##x\n");
  EXPECT_EQ(Inner(uncased, "ÉCOLE"), 1U);
  EXPECT_EQ(Inner(uncased, "XXX"), 2U);
  const WordPieces cased = Of("[UNK]\n[CLS]\necole\nÉCOLE\nXX\n##x\n");
  EXPECT_EQ(Inner(cased, "XXx"), 2U);
  EXPECT_EQ(Inner(cased, "XXX"), 1U);  // unknown
  EXPECT_EQ(Inner(cased, "ÉCOLE"), 1U);
}

TEST(WordPieces, DropsControlCharactersInTheMiddleOfAWord) {
  const WordPieces pieces = Of("ab\na\nb\n");
  EXPECT_EQ(Inner(pieces, std::string_view("a\0b", 3)), 1U);
  EXPECT_EQ(Inner(pieces, "a\u200bb"), 1U);  // a zero-width space is one
  EXPECT_EQ(Inner(pieces, "a\u00a0b"), 2U);  // a space that does not break is a space
}

TEST(WordPieces, AWordOfMoreThanAHundredCharactersIsUnknown) {
  const WordPieces pieces = Of("a\n##a\n");
  EXPECT_EQ(Inner(pieces, std::string(100, 'a')), 100U);
  EXPECT_EQ(Inner(pieces, std::string(101, 'a')), 1U);
}

TEST(WordPieces, EndsAtTheMostThatCounts) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "a ";
  EXPECT_EQ(Of("a\n").Count(text), 1002U);
  EXPECT_EQ(Of("a\n", 512).Count(text), 512U);
  EXPECT_EQ(Of("a\n", 512).Count("a a"), 4U);
}

TEST(WordPieces, EncodeByTheLinesOfTheirVocabulary) {
  const WordPieces pieces = Of("[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##able\n.\n");
  ASSERT_TRUE(pieces.CanEncode().ok());
  EXPECT_THAT(pieces.Encode("unable"), ElementsAre(2, 4, 5, 3));
  EXPECT_THAT(pieces.Encode("UN. un"), ElementsAre(2, 4, 6, 4, 3));
  EXPECT_THAT(pieces.Encode(""), ElementsAre(2, 3));
  EXPECT_EQ(pieces.size(), 7U);
}

TEST(WordPieces, EncodeAWordThatTheyDoNotMakeAsOneUnknownToken) {
  const WordPieces pieces = Of("[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##able\n");
  EXPECT_THAT(pieces.Encode("un unablex un"), ElementsAre(2, 4, 1, 4, 3));
  EXPECT_THAT(pieces.Encode(std::string(101, 'u')), ElementsAre(2, 1, 3));
}

TEST(WordPieces, EncodeAsManyTokensAsTheyCount) {
  const WordPieces pieces = Of("[UNK]\n[CLS]\n[SEP]\na\n##a\nb\n", 5);
  for (const char* const text : {"", "a", "a b", "a b a", "a b a b", "b aaaa", "aaaa b", "x x x x x x"}) {
    const auto ids = pieces.Encode(text);
    EXPECT_EQ(ids.size(), pieces.Count(text)) << text;
    EXPECT_EQ(ids.front(), 1) << text;
    EXPECT_EQ(ids.back(), 2) << text;
  }
  EXPECT_THAT(pieces.Encode("b aaaa"), ElementsAre(1, 5, 3, 4, 2));
}

TEST(WordPieces, CannotEncodeWithoutTheSpecialTokens) {
  const absl::Status status = Of("[UNK]\n[CLS]\na\n").CanEncode();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("[SEP]"));
}

TEST(WordPieces, BytesThatAreNotUtf8AreDropped) {
  const WordPieces pieces = Of("ab\n");
  EXPECT_EQ(Inner(pieces,
                  "a\xff"
                  "b"),
            1U);
  EXPECT_EQ(Inner(pieces, "ab\xe4\xb8"), 1U);
}

TEST(WordPieces, AVocabularyWithoutABeginningIsRefused) {
  for (const char* const vocabulary : {"", "\n\n", "##a\n"}) {
    const auto pieces = WordPieces::FromVocabulary(vocabulary, 512);
    ASSERT_FALSE(pieces.ok());
    EXPECT_EQ(pieces.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(pieces.status().message()), HasSubstr("vocab.txt"));
  }
}

}  // namespace
}  // namespace smartbatch
