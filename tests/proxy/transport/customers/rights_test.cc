// Who may call the operators' service, and who may call as which customer.
#include <set>

#include <gmock/gmock.h>

#include "services/proxy/transport/customers/customer_rights.h"
#include "services/proxy/transport/operators/operator_rights.h"
#include "services/rpc/credentials.h"
#include "services/rpc/status_details.h"
#include "tests/rpc/asked_server.h"
#include "tests/support/certificate.h"

namespace smartbatch::transport {
namespace {

using grpc::StatusCode;
using ::testing::AllOf;
using testing::Ask;
using testing::AskedServer;
using testing::Certificate;
using ::testing::HasSubstr;
using testing::MakeCertificate;

constexpr char kToken[] = "0123456789abcdef";

// A server that asks for the certificate of `a` or `b`, and channels of both.
class RightsTest : public ::testing::Test {
 protected:
  static std::string Write(const std::string& name, const std::string& text) {
    return testing::WriteTestFile(::testing::TempDir(), "rights-" + name, text);
  }
  AskedServer Serve(AskedServer::Answer answer) const {
    return AskedServer(
        std::move(answer),
        {.credentials = *rpc::MakeServerCredentials(
             {authority_, Write("server.key", server_.key), Write("clients.pem", a_.certificate + b_.certificate)})});
  }
  std::shared_ptr<grpc::Channel> ChannelOf(const AskedServer& server, const std::string& name,
                                           const Certificate& certificate) const {
    const tls::TlsFiles files{Write(name + ".pem", certificate.certificate), Write(name + ".key", certificate.key),
                              authority_};
    return testing::ChannelTo(server.address(), *rpc::MakeChannelCredentials(files), "server.test");
  }

  const Certificate server_ = MakeCertificate("server.test");
  const Certificate a_ = MakeCertificate("a", "DNS:a.test,URI:spiffe://test/a");
  const Certificate b_ = MakeCertificate("b.test");
  const std::string authority_ = Write("server.pem", server_.certificate);
};

TEST_F(RightsTest, ACustomerThatIsBoundIsOnlyForItsCertificates) {
  CustomerRights rights;
  std::string customer = "A";
  const AskedServer server = Serve([&](const grpc::ServerContext& context) { return rights.Check(customer, context); });
  const auto a = ChannelOf(server, "a", a_);
  const auto b = ChannelOf(server, "b", b_);
  EXPECT_TRUE(Ask(b).ok()) << "nobody is bound yet";
  for (const char* const name : {"a.test", "spiffe://test/a"}) {
    rights.Set({.certificate_names = {{"A", {name, "elsewhere.test"}}}});
    EXPECT_TRUE(Ask(a).ok()) << name;
    EXPECT_EQ(Ask(b).error_code(), StatusCode::PERMISSION_DENIED) << name;
  }
  EXPECT_THAT(rpc::Describe(Ask(b)), AllOf(HasSubstr("CUSTOMER_NOT_BOUND"), HasSubstr("certificate_names")));
  // A common name counts only if there are no alternative names, and only the whole name counts.
  for (const char* const name : {"a", "A", "a.tes", "a.test.", "*.test", "spiffe://test/"}) {
    rights.Set({.certificate_names = {{"A", {name}}}});
    EXPECT_EQ(Ask(a).error_code(), StatusCode::PERMISSION_DENIED) << name;
  }
  customer = "C";
  EXPECT_TRUE(Ask(b).ok()) << "C is bound to nobody";
  rights.Set({.certificate_names = {{"A", {"a.test"}}}, .only_bound = true});
  EXPECT_EQ(Ask(a).error_code(), StatusCode::PERMISSION_DENIED);
  customer = "A";
  EXPECT_TRUE(Ask(a).ok());
}

TEST_F(RightsTest, ACallerWithoutACertificateIsNobody) {
  CustomerRights rights;
  rights.Set({.certificate_names = {{"A", {"a.test"}}}});
  const AskedServer server([&](const grpc::ServerContext& context) { return rights.Check("A", context); });
  EXPECT_EQ(Ask(testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials())).error_code(),
            StatusCode::PERMISSION_DENIED);
}

TEST_F(RightsTest, AnOperatorShowsTokenAndCertificateIfBothAreAskedFor) {
  const OperatorRights rights(Write("token", kToken), {"a.test"});
  const AskedServer server = Serve([&](const grpc::ServerContext& context) { return rights.Check(context); });
  const std::multimap<std::string, std::string> token = {{"authorization", std::string("Bearer ") + kToken}};
  const auto a = ChannelOf(server, "a", a_);
  const auto b = ChannelOf(server, "b", b_);
  EXPECT_TRUE(Ask(a, token).ok());
  EXPECT_EQ(Ask(a).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(Ask(b, token).error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Ask(b).error_code(), StatusCode::UNAUTHENTICATED);
}

TEST_F(RightsTest, ATokenThatIsReplacedHoldsAtOnceAndOneThatIsGoneLetsNobodyIn) {
  const std::string file = Write("token", kToken);
  const OperatorRights rights(file, {});
  const AskedServer server([&](const grpc::ServerContext& context) { return rights.Check(context); });
  const auto channel = testing::ChannelTo(server.address(), grpc::InsecureChannelCredentials());
  const std::multimap<std::string, std::string> token = {{"authorization", std::string("Bearer ") + kToken}};
  EXPECT_TRUE(Ask(channel, token).ok());
  Write("token", "another-token-of-some-length");
  EXPECT_EQ(Ask(channel, token).error_code(), StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Ask(channel, {{"authorization", "Bearer another-token-of-some-length"}}).ok());
  for (const char* const nothing : {"", "short"}) {
    Write("token", nothing);
    EXPECT_EQ(Ask(channel, {{"authorization", std::string("Bearer ") + nothing}}).error_code(),
              StatusCode::UNAUTHENTICATED);
  }
}

}  // namespace
}  // namespace smartbatch::transport
