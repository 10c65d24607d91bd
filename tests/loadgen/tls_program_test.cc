// loadgen over TLS, against a server with a certificate made for the test.
#include <gmock/gmock.h>

#include "tests/loadgen/program_fixture.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tests/support/certificate.h"

namespace smartbatch::loadgen {
namespace {

using ::testing::AllOf;
using testing::Certificate;
using ::testing::HasSubstr;
using testing::MakeCertificate;

constexpr char kServerName[] = "proxy.test";

class TlsProgramTest : public ProgramTest {
 protected:
  TlsProgramTest() {
    Write("ca.pem", server_.certificate);
    Write("client.pem", client_.certificate);
    Write("client.key", client_.key);
  }

  // A server that asks for the client's certificate if `mutual` is true.
  ScriptedProxy Serve(bool mutual) const {
    grpc::SslServerCredentialsOptions options(mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                     : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
    options.pem_key_cert_pairs.push_back({server_.key, server_.certificate});
    if (mutual) options.pem_root_certs = client_.certificate;
    return ScriptedProxy([](const ReceivedCall&) { return grpc::Status::OK; }, {"fair", "sjf"},
                         grpc::SslServerCredentials(options));
  }

  ProcessOutcome Run(const ScriptedProxy& server, std::vector<std::string> flags) const {
    flags.insert(flags.begin(), {"run", "--target", server.address(), "--admin-target", server.address(), "--customer",
                                 "a:rate=100,arrival=constant,len=5", "--seconds", "1", "--warm-up-seconds", "0",
                                 "--progress", "none", "--max-dispatch-delay-ms", "1000"});
    return Loadgen(flags);
  }

  const Certificate server_ = MakeCertificate(kServerName);
  const Certificate client_ = MakeCertificate("client.test");
};

TEST_F(TlsProgramTest, ATrustedServerIsMeasuredAndItsStrategyKnown) {
  const ScriptedProxy server = Serve(/*mutual=*/false);
  const ProcessOutcome outcome = Run(server, {"--tls", "--ca", "ca.pem", "--server-name", kServerName});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(Summary()["workloads"][0]["strategies"][0]["strategy"], "fair");
  const ProcessOutcome strategy = Loadgen(
      {"strategy", "get", "--admin-target", server.address(), "--tls", "--ca", "ca.pem", "--server-name", kServerName});
  EXPECT_EQ(strategy.exit_code, 0) << strategy.output;
}

TEST_F(TlsProgramTest, AMismatchIsOneLineWithTheRemedy) {
  const ScriptedProxy server = Serve(/*mutual=*/false);
  const std::vector<std::vector<std::string>> wrong = {
      {"--tls", "--ca", "ca.pem", "--server-name", "other.test"},     // another name
      {"--tls", "--ca", "client.pem", "--server-name", kServerName},  // another authority
  };
  for (const std::vector<std::string>& flags : wrong) {
    const ProcessOutcome outcome = Run(server, flags);
    EXPECT_EQ(outcome.exit_code, 1) << outcome.output;
    EXPECT_THAT(outcome.output, AllOf(HasSubstr("over TLS: check"), HasSubstr("--server-name")));
    EXPECT_EQ(Lines(outcome.output), 1U) << outcome.output;
  }
  const ProcessOutcome plain = Run(server, {});
  EXPECT_EQ(plain.exit_code, 1) << plain.output;
  EXPECT_THAT(plain.output, HasSubstr("one that speaks TLS needs --tls"));
  const ScriptedProxy without_tls;
  const ProcessOutcome unneeded = Run(without_tls, {"--tls", "--ca", "ca.pem", "--server-name", kServerName});
  EXPECT_EQ(unneeded.exit_code, 1) << unneeded.output;
  EXPECT_THAT(unneeded.output, HasSubstr("a server without TLS needs no --tls"));
  EXPECT_TRUE(FilesEndingIn("").empty());
}

TEST_F(TlsProgramTest, AServerThatAsksForACertificateGetsIt) {
  const ScriptedProxy server = Serve(/*mutual=*/true);
  const ProcessOutcome outcome = Run(
      server, {"--tls", "--ca", "ca.pem", "--server-name", kServerName, "--cert", "client.pem", "--key", "client.key"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  const ProcessOutcome without = Run(server, {"--tls", "--ca", "ca.pem", "--server-name", kServerName});
  EXPECT_EQ(without.exit_code, 1) << without.output;
}

}  // namespace
}  // namespace smartbatch::loadgen
