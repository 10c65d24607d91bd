#include "services/rpc/raw_message.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/rpc/sequences.h"
#include "smartbatch/classifier/v1/classifier.pb.h"
#include "smartbatch/proxy/v1/admin.pb.h"

namespace smartbatch::rpc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

grpc::ByteBuffer Bytes(const std::string& text) {
  const grpc::Slice slice(text);
  return {&slice, 1};
}

std::string SequenceField(const std::string& text) {
  return std::string("\x0A") + static_cast<char>(text.size()) + text;
}

TEST(RawMessage, SurvivesTheWayThereAndBack) {
  classifier::v1::ClassifyRequest message;
  message.add_sequences("def foo(): pass");
  message.add_sequences(std::string(100'000, 'x'));
  classifier::v1::ClassifyRequest parsed;
  ASSERT_TRUE(ParseMessage(SerializeMessage(message), parsed).ok());
  EXPECT_EQ(parsed.SerializeAsString(), message.SerializeAsString());
}

TEST(RawMessage, MayBeEmpty) {
  classifier::v1::ClassifyRequest parsed;
  EXPECT_TRUE(ParseMessage(SerializeMessage(parsed), parsed).ok());
}

TEST(RawMessage, NamesTheTextThatIsNotValidUtf8) {
  classifier::v1::ClassifyRequest parsed;
  const auto status =
      ParseMessage(Bytes(SequenceField("good") + SequenceField("b\xFF") + SequenceField("good")), parsed);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), StartsWith("sequences[1]: the text is not valid UTF-8"));
}

TEST(RawMessage, NamesTheTextInsideAMapToo) {
  proxy::v1::SetStrategyRequest message;
  (*message.mutable_parameters())["weight"] = "12345678";
  std::string bytes = message.SerializeAsString();
  bytes.replace(bytes.find("12345678"), 2, "\xC0\x80");
  proxy::v1::SetStrategyRequest parsed;
  EXPECT_THAT(ParseMessage(Bytes(bytes), parsed).error_message(), StartsWith("parameters[0].value: "));
}

TEST(RawMessage, SaysIfTheBytesAreNoMessage) {
  classifier::v1::ClassifyRequest parsed;
  const auto status = ParseMessage(Bytes("\x0A\x50too short"), parsed);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("not a smartbatch.classifier.v1.ClassifyRequest"));
}

TEST(Sequences, AreMeasuredInCodePoints) {
  classifier::v1::ClassifyRequest request;
  request.add_sequences("abc");
  request.add_sequences("\xE2\x82\xAC\xF0\x9F\x98\x80");
  std::vector<std::size_t> lengths;
  ASSERT_TRUE(CheckSequences(request.sequences(), {.max_sequences = 2, .max_characters = 3}, lengths).ok());
  EXPECT_THAT(lengths, ElementsAre(3U, 2U));
}

TEST(Sequences, AreRefusedIfOneIsTooLongAndItIsNamed) {
  classifier::v1::ClassifyRequest request;
  request.add_sequences("abc");
  request.add_sequences("abcd");
  std::vector<std::size_t> lengths;
  const auto status = CheckSequences(request.sequences(), {.max_sequences = 2, .max_characters = 3}, lengths);
  EXPECT_THAT(status.error_message(), StartsWith("sequences[1]: the text has 4 characters; 1 to 3 characters"));
}

}  // namespace
}  // namespace smartbatch::rpc
