#include "services/rpc/bearer_token.h"

#include <gmock/gmock.h>

#include "tests/rpc/asked_server.h"

namespace smartbatch::rpc {
namespace {

using ::testing::AllOf;
using testing::Ask;
using testing::AskedServer;
using ::testing::HasSubstr;

constexpr char kToken[] = "0123456789abcdef";

std::string FileWith(const std::string& text) { return testing::WriteTestFile(::testing::TempDir(), "token", text); }

TEST(BearerToken, IsReadWithoutTheWhiteSpaceAroundIt) {
  EXPECT_EQ(*ReadToken(FileWith(kToken)), kToken);
  EXPECT_EQ(*ReadToken(FileWith(std::string("\n ") + kToken + " \r\n")), kToken);
  EXPECT_EQ(ReadToken(FileWith(std::string(1024, 'x')))->size(), 1024U);
}

TEST(BearerToken, AFileThatHoldsNoneIsNamedWithTheRemedy) {
  for (const std::string& text :
       {std::string(), std::string(kToken).substr(1), std::string(1025, 'x'), std::string(100'000, 'x'),
        std::string("0123456789 abcdef"), std::string("0123456789abcde\x01g"), std::string("0123456789abcd\xc3\xa4")}) {
    const auto token = ReadToken(FileWith(text));
    EXPECT_FALSE(token.ok()) << text.substr(0, 40);
    EXPECT_THAT(std::string(token.status().message()), AllOf(HasSubstr("token"), HasSubstr("openssl rand -hex 32")));
  }
  EXPECT_FALSE(ReadToken("/nowhere").ok());
  EXPECT_FALSE(ReadToken("/").ok());
}

TEST(BearerToken, SecretsAreTheSameInEveryByteAndInLength) {
  EXPECT_TRUE(SameSecret(kToken, kToken));
  EXPECT_TRUE(SameSecret("", ""));
  EXPECT_FALSE(SameSecret(kToken, ""));
  EXPECT_FALSE(SameSecret(kToken, std::string(kToken) + "0"));
  for (std::size_t i = 0; i < std::string(kToken).size(); ++i) {
    std::string other = kToken;
    other[i] = 'z';
    EXPECT_FALSE(SameSecret(kToken, other)) << i;
  }
}

TEST(BearerToken, OnlyACallThatShowsItOnceIsLetIn) {
  const AskedServer server([](const grpc::ServerContext& context) { return CheckBearerToken(context, kToken); });
  const auto channel = testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials());
  const std::string right = std::string("Bearer ") + kToken;
  EXPECT_TRUE(Ask(channel, {{"authorization", right}}).ok());
  EXPECT_TRUE(Ask(channel, {{"authorization", std::string("bearer ") + kToken}}).ok());
  const std::multimap<std::string, std::string> wrong[] = {
      {},
      {{"authorization", ""}},
      {{"authorization", kToken}},
      {{"authorization", "Bearer"}},
      {{"authorization", "Bearer "}},
      {{"authorization", right + "0"}},
      {{"authorization", std::string("Basic ") + kToken}},
      {{"authorization", right}, {"authorization", right}},
      {{"x-authorization", right}},
  };
  for (const auto& metadata : wrong) {
    EXPECT_EQ(Ask(channel, metadata).error_code(), grpc::StatusCode::UNAUTHENTICATED)
        << (metadata.empty() ? "none" : metadata.begin()->second);
  }
}

}  // namespace
}  // namespace smartbatch::rpc
