#include "services/tensors/elements.h"

#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace smartbatch::tensors {
namespace {

using ::testing::ElementsAre;
using namespace std::string_literals;

TEST(ElementBytes, AreThoseOfEveryDatatypeOfTheProtocolAndOfNoOther) {
  EXPECT_EQ(ElementBytes("BOOL"), 1U);
  EXPECT_EQ(ElementBytes("BF16"), 2U);
  EXPECT_EQ(ElementBytes("FP32"), 4U);
  EXPECT_EQ(ElementBytes("INT64"), 8U);
  EXPECT_EQ(ElementBytes("BYTES"), 0U);
  EXPECT_FALSE(ElementBytes("bool"));
  EXPECT_FALSE(ElementBytes("INT640"));
  EXPECT_FALSE(ElementBytes(""));
}

TEST(TheProduct, OfDimensionsIsNothingIfOneIsNegativeOrItWouldOverflow) {
  const std::int64_t largest = std::numeric_limits<std::int64_t>::max();
  EXPECT_EQ(Product(std::vector<std::int64_t>{}), 1U);
  EXPECT_EQ(Product(std::vector<std::int64_t>{2, 3, 4}), 24U);
  EXPECT_EQ(Product(std::vector<std::int64_t>{0, 3}), 0U);
  EXPECT_FALSE(Product(std::vector<std::int64_t>{-1, 3}));
  EXPECT_FALSE(Product(std::vector<std::int64_t>{largest, largest}));
  EXPECT_FALSE(Product(std::vector<std::int64_t>{0, largest}));
  EXPECT_FALSE(Product(std::vector<std::int64_t>(64, 2)));
}

TEST(AnElement, IsLittleEndianAndRefusedIfTheDatatypeCannotHoldIt) {
  EXPECT_EQ(*Element("INT16", -2), "\xFE\xFF"s);
  EXPECT_EQ(*Element("UINT32", 258), "\x02\x01\x00\x00"s);
  EXPECT_EQ(*Element("INT64", 1), "\x01\x00\x00\x00\x00\x00\x00\x00"s);
  EXPECT_EQ(*Element("FP32", 1), "\x00\x00\x80\x3F"s);
  EXPECT_EQ(*Element("BF16", 1), "\x80\x3F"s);
  EXPECT_EQ(*Element("BOOL", 1), "\x01"s);
  EXPECT_EQ(*Element("FP16", 0), "\x00\x00"s);
  for (const auto& [datatype, value] : {std::pair("UINT8", -1.0),
                                        {"UINT8", 256.0},
                                        {"INT8", 128.0},
                                        {"INT32", 0.5},
                                        {"BOOL", 2.0},
                                        {"BYTES", 0.0},
                                        {"FP16", 1.0},
                                        {"INT64", 9.3e18},
                                        {"UINT64", 1.9e19},
                                        {"INT32", std::numeric_limits<double>::quiet_NaN()}}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Element(datatype, value).status())) << datatype << " " << value;
  }
}

TEST(TypedContents, BecomeTheRawOnes) {
  inference::InferTensorContents contents;
  contents.add_int_contents(-1);
  contents.add_int_contents(5);
  EXPECT_EQ(*ToRaw("INT8", contents), "\xFF\x05"s);
  EXPECT_EQ(*ToRaw("INT32", contents), "\xFF\xFF\xFF\xFF\x05\x00\x00\x00"s);
  inference::InferTensorContents bytes;
  bytes.add_bytes_contents("ab");
  bytes.add_bytes_contents("");
  EXPECT_EQ(*ToRaw("BYTES", bytes), "\x02\x00\x00\x00"s + "ab" + "\x00\x00\x00\x00"s);
  EXPECT_EQ(*ToRaw("FP32", inference::InferTensorContents()), "");
}

TEST(TypedContents, AreRefusedInAnotherFieldThanTheDatatypesOwnAndOutOfItsRange) {
  inference::InferTensorContents contents;
  contents.add_int_contents(200);
  for (const char* const datatype : {"INT8", "INT64", "UINT8", "FP32", "BYTES", "BOOL", "FP16", "NOPE"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ToRaw(datatype, contents).status())) << datatype;
  }
  contents.add_fp32_contents(1);
  EXPECT_TRUE(absl::IsInvalidArgument(ToRaw("INT32", contents).status()));
}

TEST(Rows, OfOneSizeBeginAtItsMultiples) {
  EXPECT_THAT(*RowOffsets("INT32", std::string(24, 'x'), 3, 2), ElementsAre(0, 8, 16, 24));
  EXPECT_THAT(*RowOffsets("FP64", "", 3, 0), ElementsAre(0, 0, 0, 0));
}

TEST(Rows, OfBytesBeginWhereTheLengthsSay) {
  const std::string raw =
      "\x01\x00\x00\x00"s + "a" + "\x00\x00\x00\x00"s + "\x02\x00\x00\x00"s + "bc" + "\x00\x00\x00\x00"s;
  EXPECT_THAT(*RowOffsets("BYTES", raw, 2, 2), ElementsAre(0, 9, 19));
  EXPECT_THAT(*RowOffsets("BYTES", raw, 1, 4), ElementsAre(0, 19));
}

TEST(Rows, ThatTheBytesDoNotHoldExactlyAreRefused) {
  const std::string element = "\x03\x00\x00\x00"s + "abc";
  EXPECT_FALSE(RowOffsets("BYTES", element, 2, 1).ok());
  EXPECT_FALSE(RowOffsets("BYTES", element + element, 1, 1).ok());
  for (std::size_t size = 0; size < element.size(); ++size) {
    EXPECT_FALSE(RowOffsets("BYTES", element.substr(0, size), 1, 1).ok()) << size;
  }
  EXPECT_FALSE(RowOffsets("BYTES", "\xFF\xFF\xFF\xFF"s + "abc", 1, 1).ok());
  EXPECT_FALSE(RowOffsets("INT32", std::string(23, 'x'), 3, 2).ok());
  EXPECT_FALSE(RowOffsets("INT32", std::string(25, 'x'), 3, 2).ok());
  EXPECT_FALSE(RowOffsets("NOPE", std::string(24, 'x'), 3, 2).ok());
  EXPECT_FALSE(RowOffsets("INT32", "", std::uint64_t{1} << 62, 4).ok());
  EXPECT_FALSE(RowOffsets("BYTES", "", std::uint64_t{1} << 39, 2).ok());
}

TEST(Characters, AreCountedOverAllElementsAndBytesIfOneIsNotUtf8) {
  EXPECT_EQ(Characters("\x03\x00\x00\x00"s + "\xE2\x82\xAC" + "\x02\x00\x00\x00"s + "ab"), 3U);
  EXPECT_EQ(Characters("\x02\x00\x00\x00"s + "\xFF\xFE"), 2U);
  EXPECT_EQ(Characters(""), 0U);
}

TEST(Tokens, AreCountedOverAllElements) {
  const auto vocabulary = WordPieces::FromVocabulary("ab\n##c\n", 512);
  ASSERT_TRUE(vocabulary.ok()) << vocabulary.status();
  EXPECT_EQ(Tokens("\x05\x00\x00\x00"s + "abc a" + "\x00\x00\x00\x00"s, *vocabulary), 5U + 2U);
  EXPECT_EQ(Tokens("", *vocabulary), 0U);
}

}  // namespace
}  // namespace smartbatch::tensors
