// What the codecs take for the length of a text, with a vocabulary and without.
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/word_pieces.h"
#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/rpc/raw_message.h"
#include "smartbatch/proxy/v1/proxy.pb.h"

namespace smartbatch::protocol {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::shared_ptr<const WordPieces> Vocabulary() {
  auto pieces = WordPieces::FromVocabulary("hello\nworld\n##s\n", 512);
  EXPECT_TRUE(pieces.ok()) << pieces.status();
  return std::make_shared<const WordPieces>(*std::move(pieces));
}

class Classify {
 public:
  explicit Classify(std::shared_ptr<const WordPieces> vocabulary)
      : codec_({{"model", {5, 20}, std::move(vocabulary)}}) {}

  grpc::Status Read(const std::vector<std::string>& texts, std::shared_ptr<const Payload>& payload) const {
    proxy::v1::ProxyClassifyRequest request;
    for (const std::string& text : texts) request.add_sequences(text);
    return codec_.Read(rpc::SerializeMessage(request), payload);
  }

 private:
  const classify::ClassifyCustomerCodec codec_;
};

class Infer {
 public:
  explicit Infer(std::shared_ptr<const WordPieces> vocabulary)
      : model_(std::make_shared<open_inference::Model>(open_inference::ModelSettings{
            .name = "model", .max_batch_size = 5, .vocabulary = std::move(vocabulary), .max_length = 20})) {
    const auto described = open_inference::Describe(model_->settings(), {}, std::nullopt);
    EXPECT_TRUE(described.ok()) << described.status();
    model_->Set(std::make_shared<const open_inference::ModelDescription>(*described));
  }

  grpc::Status Read(const std::vector<std::string>& texts, std::shared_ptr<const Payload>& payload) const {
    inference::ModelInferRequest request;
    request.set_model_name("model");
    auto& tensor = *request.add_inputs();
    tensor.set_name("text");
    tensor.set_datatype("BYTES");
    tensor.add_shape(static_cast<std::int64_t>(texts.size()));
    tensor.add_shape(1);
    for (const std::string& text : texts) tensor.mutable_contents()->add_bytes_contents(text);
    return open_inference::InferCustomerCodec(open_inference::Models({model_}))
        .Read(rpc::SerializeMessage(request), payload);
  }

 private:
  const std::shared_ptr<open_inference::Model> model_;
};

template <class Protocol>
class TextLengths : public ::testing::Test {};

using Protocols = ::testing::Types<Classify, Infer>;
TYPED_TEST_SUITE(TextLengths, Protocols);

TYPED_TEST(TextLengths, AreTheTokensByTheVocabularyAndElseTheCharacters) {
  std::shared_ptr<const Payload> payload;
  ASSERT_TRUE(TypeParam(nullptr).Read({"hello worlds", "hello"}, payload).ok());
  EXPECT_THAT(payload->lengths(), ElementsAre(12, 5));
  ASSERT_TRUE(TypeParam(Vocabulary()).Read({"hello worlds", "hello"}, payload).ok());
  EXPECT_THAT(payload->lengths(), ElementsAre(5, 3));  // with the two around each
}

TYPED_TEST(TextLengths, AreLimitedInCharactersEvenIfTheTokensAreFew) {
  std::shared_ptr<const Payload> payload;
  const grpc::Status status = TypeParam(Vocabulary()).Read({std::string(21, ' ') + "hello"}, payload);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message() + status.error_details(), HasSubstr("20"));
}

}  // namespace
}  // namespace smartbatch::protocol
