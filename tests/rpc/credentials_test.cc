#include "services/rpc/credentials.h"

#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "tests/rpc/asked_server.h"
#include "tests/support/certificate.h"

namespace smartbatch::rpc {
namespace {

using ::testing::AllOf;
using testing::Ask;
using testing::AskedServer;
using testing::Certificate;
using testing::ChannelTo;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeCertificate;
using tls::TlsFiles;

constexpr char kServerName[] = "server.test";

class CredentialsTest : public ::testing::Test {
 protected:
  static std::string Write(const std::string& name, const std::string& text) {
    return testing::WriteTestFile(::testing::TempDir(), name, text);
  }
  // Its two files, with itself as the authority.
  static TlsFiles Files(const std::string& name, const Certificate& certificate) {
    return {Write(name + ".pem", certificate.certificate), Write(name + ".key", certificate.key), {}};
  }
  static std::string MessageOf(const TlsFiles& files) {
    const auto credentials = MakeServerCredentials(files);
    EXPECT_FALSE(credentials.ok());
    return std::string(credentials.status().message());
  }
  AskedServer Serve(const TlsFiles& files) {
    return AskedServer(
        [this](const grpc::ServerContext& context) {
          const std::lock_guard lock(mutex_);
          names_ = PeerNames(context);
          return grpc::Status::OK;
        },
        {.credentials = *MakeServerCredentials(files)});
  }
  std::shared_ptr<grpc::Channel> Connect(const AskedServer& server, const TlsFiles& files,
                                         const std::string& name = kServerName) const {
    return ChannelTo(server.address(), *MakeChannelCredentials(files), name);
  }
  // What the last call's certificate named.
  std::vector<std::string> names() const {
    const std::lock_guard lock(mutex_);
    return names_;
  }

  const Certificate server_ = MakeCertificate(kServerName);
  const Certificate client_ = MakeCertificate("client", "DNS:client.test,URI:spiffe://test/client");

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> names_;
};

TEST_F(CredentialsTest, AFileThatCannotBeUsedIsNamed) {
  const TlsFiles server = Files("server", server_);
  const TlsFiles client = Files("client", client_);
  const std::string text = Write("text.pem", "no certificate");
  EXPECT_THAT(MessageOf({server.certificate, {}, {}}), AllOf(HasSubstr(server.certificate), HasSubstr("given alone")));
  EXPECT_THAT(MessageOf({{}, server.key, {}}), AllOf(HasSubstr(server.key), HasSubstr("given alone")));
  EXPECT_THAT(MessageOf({"/nowhere.pem", server.key, {}}), HasSubstr("'/nowhere.pem' cannot be read"));
  EXPECT_THAT(MessageOf({text, server.key, {}}), AllOf(HasSubstr(text), HasSubstr("holds no certificate")));
  EXPECT_THAT(MessageOf({server.certificate, text, {}}), AllOf(HasSubstr(text), HasSubstr("private key")));
  EXPECT_THAT(MessageOf({server.certificate, client.key, {}}),
              AllOf(HasSubstr(client.key), HasSubstr("does not match the certificate")));
  EXPECT_THAT(MessageOf({server.certificate, server.key, text}), HasSubstr(text));
  EXPECT_THAT(MessageOf({{}, {}, client.certificate}), AllOf(HasSubstr(client.certificate), HasSubstr("no TLS")));
  const TlsFiles old = Files("old", MakeCertificate("old", "DNS:old", -60));
  EXPECT_THAT(MessageOf(old), AllOf(HasSubstr(old.certificate), HasSubstr("has expired")));
  EXPECT_FALSE(MakeChannelCredentials({server.certificate, client.key, client.certificate}).ok());
  EXPECT_FALSE(MakeChannelCredentials({{}, {}, text}).ok());
}

TEST_F(CredentialsTest, AClientTalksOnlyToAServerThatItsAuthoritiesVouchForByThatName) {
  const TlsFiles files = Files("server", server_);
  const AskedServer server = Serve(files);
  EXPECT_TRUE(Ask(Connect(server, {{}, {}, files.certificate})).ok());
  EXPECT_THAT(names(), IsEmpty());
  const std::string other = Files("client", client_).certificate;
  EXPECT_EQ(Ask(Connect(server, {{}, {}, other})).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Connect(server, {{}, {}, files.certificate}, "other.test")).error_code(),
            grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Connect(server, {})).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CredentialsTest, AServerTalksOnlyToClientsThatItsAuthoritiesVouchForAndKnowsTheirNames) {
  TlsFiles files = Files("server", server_);
  const std::string authority = files.certificate;
  const Certificate bare = MakeCertificate("bare.test", "");
  files.authorities = Write("clients.pem", client_.certificate + bare.certificate);
  const AskedServer server = Serve(files);
  TlsFiles client = Files("client", client_);
  client.authorities = authority;
  EXPECT_TRUE(Ask(Connect(server, client)).ok());
  EXPECT_THAT(names(), ElementsAre("client.test", "spiffe://test/client"));
  client = Files("bare", bare);
  client.authorities = authority;
  EXPECT_TRUE(Ask(Connect(server, client)).ok());
  EXPECT_THAT(names(), ElementsAre("bare.test"));
  // The same names, but no authority vouches for them.
  client = Files("forged", MakeCertificate("client", "DNS:client.test,URI:spiffe://test/client"));
  client.authorities = authority;
  EXPECT_EQ(Ask(Connect(server, client)).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(Ask(Connect(server, {{}, {}, authority})).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(CredentialsTest, CertificatesThatAreReplacedHoldForNewConnectionsAndOpenOnesGoOn) {
  const TlsFiles files = Files("server", server_);
  const AskedServer server = Serve(files);
  const Certificate next = MakeCertificate(kServerName);
  const std::string next_authority = Write("next-authority.pem", next.certificate);
  const auto open = Connect(server, {{}, {}, Write("authority.pem", server_.certificate)});
  ASSERT_TRUE(Ask(open).ok());
  EXPECT_FALSE(Ask(Connect(server, {{}, {}, next_authority})).ok());
  Files("server", next);
  const auto deadline = std::chrono::steady_clock::now() + 5 * kCertificateRefresh;
  while (!Ask(Connect(server, {{}, {}, next_authority})).ok()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(Ask(open).ok());
}

// gRPC's own watcher would end the program because of the empty file, and every handshake because of the wrong pair.
TEST_F(CredentialsTest, AServerGoesOnWithItsCertificateWhileTheFilesAreEmptyOrDoNotBelongTogether) {
  const TlsFiles files = Files("server", server_);
  const AskedServer server = Serve(files);
  const TlsFiles trusting{{}, {}, Write("authority.pem", server_.certificate)};
  for (const auto& [certificate, key] :
       {std::pair(std::string(), std::string()), std::pair(std::string(), server_.key),
        std::pair(server_.certificate, std::string()), std::pair(client_.certificate, server_.key)}) {
    Write("server.pem", certificate);
    Write("server.key", key);
    const auto until = std::chrono::steady_clock::now() + kCertificateRefresh + std::chrono::seconds(1);
    while (std::chrono::steady_clock::now() < until) {
      ASSERT_TRUE(Ask(Connect(server, trusting)).ok());
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }
}

TEST_F(CredentialsTest, AClientTakesOverNewAuthoritiesAndCertificatesAndKeepsThoseBeforeEmptyFiles) {
  const Certificate next = MakeCertificate(kServerName);
  TlsFiles files = Files("next", next);
  const Certificate next_client = MakeCertificate("next-client");
  files.authorities = Write("clients.pem", next_client.certificate);
  const AskedServer server = Serve(files);
  TlsFiles own = Files("client", client_);
  own.authorities = Write("servers.pem", server_.certificate);
  const auto credentials = *MakeChannelCredentials(own);
  const auto ask = [&] { return Ask(ChannelTo(server.address(), credentials, kServerName)).ok(); };
  EXPECT_FALSE(ask());
  Write("servers.pem", next.certificate);
  Files("client", next_client);
  const auto deadline = std::chrono::steady_clock::now() + 5 * kCertificateRefresh;
  while (!ask()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_THAT(names(), ElementsAre("next-client"));
  for (const char* const name : {"servers.pem", "client.pem", "client.key"}) Write(name, "");
  const auto until = std::chrono::steady_clock::now() + kCertificateRefresh + std::chrono::seconds(1);
  while (std::chrono::steady_clock::now() < until) {
    ASSERT_TRUE(ask());
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace
}  // namespace smartbatch::rpc
