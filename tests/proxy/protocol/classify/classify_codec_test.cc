// Requests as they are on the wire, written byte by byte.
#include "services/proxy/protocol/classify/classify_codec.h"

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

namespace smartbatch::protocol::classify {
namespace {

using ::testing::HasSubstr;

grpc::ByteBuffer Message(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

// Field 1, without a byte.
std::string EmptySequences(int count) {
  std::string bytes;
  for (int i = 0; i < count; ++i) bytes += std::string("\x0a\x00", 2);
  return bytes;
}

grpc::Status Read(const std::string& bytes) {
  std::shared_ptr<const Payload> payload;
  return ClassifyCustomerCodec(std::vector<ModelTexts>{{"default", {}}}).Read(Message(bytes), payload);
}

// What a parser would find wrong shows whether it was asked.
const char kNoField[] = "\x07";

TEST(ClassifyCodec, RefusesAMessageOfManySequencesBeforeItIsParsed) {
  const grpc::Status status = Read(EmptySequences(1025) + kNoField);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("more than 1024 sequences; 1 to 5 are allowed"));
}

TEST(ClassifyCodec, ParsesFewerAndThenTellsHowManyThereAre) {
  EXPECT_THAT(Read(EmptySequences(1024)).error_message(), HasSubstr("the request has 1024 sequences"));
  EXPECT_THAT(Read(EmptySequences(1024) + kNoField).error_message(), HasSubstr("ProxyClassifyRequest"));
}

TEST(ClassifyCodec, CountsTextsAndNotTheirBytes) {
  EXPECT_TRUE(Read("\x0a\xd0\x0f" + std::string(2000, 'x') + "\x0a\xd0\x0f" + std::string(2000, 'y')).ok());
}

}  // namespace
}  // namespace smartbatch::protocol::classify
