// The HTTP server of the metrics, as curl sees it.
#include "services/metrics_endpoint/http_server.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support/certificate.h"
#include "tests/support/process.h"

namespace smartbatch::metrics_endpoint {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using testing::Certificate;
using ::testing::HasSubstr;
using testing::MakeCertificate;

class HttpServerTest : public ::testing::Test {
 protected:
  static std::string Path(const std::string& name) {
    return ::testing::TempDir() + "http-" + std::to_string(getpid()) + "-" + name;
  }
  static std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }
  static tls::TlsFiles Files(const std::string& name, const Certificate& certificate) {
    return {Write(name + ".pem", certificate.certificate), Write(name + ".key", certificate.key), {}};
  }
  static std::unique_ptr<HttpServer> Serve(const tls::TlsFiles& files = {}) {
    auto server = HttpServer::Start(
        "127.0.0.1:0", files,
        {{"/metrics", "text/plain", [] { return "up 1\n"; }}, {"/", "text/html", [] { return "<p>page</p>"; }}});
    EXPECT_TRUE(server.ok()) << server.status();
    return *std::move(server);
  }
  // What curl prints, after the code of the answer.
  static std::string Curl(const std::string& url, std::vector<std::string> flags = {}) {
    flags.insert(flags.end(), {"--silent", "--max-time", "10", "--write-out", "%{http_code}", url});
    return testing::RunToEnd("/usr/bin/curl", flags).standard_output;
  }
  static int PortOf(const HttpServer& server) {
    return std::stoi(server.address().substr(server.address().rfind(':') + 1));
  }
  // Over TLS, by the name in the certificate.
  static std::string CurlSecurely(const HttpServer& server, std::vector<std::string> flags) {
    const std::string port = std::to_string(PortOf(server));
    flags.insert(flags.end(), {"--resolve", "metrics.test:" + port + ":127.0.0.1"});
    return Curl("https://metrics.test:" + port + "/metrics", flags);
  }
  static int Connect(const HttpServer& server) {
    const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(PortOf(server)));
    EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return connection;
  }
};

TEST_F(HttpServerTest, AnswersItsPathAndNothingElse) {
  const auto server = Serve();
  const std::string url = "http://" + server->address();
  EXPECT_EQ(Curl(url + "/metrics"), "up 1\n200");
  EXPECT_THAT(Curl(url + "/metrics", {"--head"}), AllOf(HasSubstr("Content-Length: 5"), HasSubstr("text/plain")));
  EXPECT_EQ(Curl(url + "/metrics", {"--http1.0"}), "up 1\n200");
  EXPECT_EQ(Curl(url + "/"), "<p>page</p>200");
  EXPECT_EQ(Curl(url + "/metric"), "404");
  EXPECT_EQ(Curl(url + "/", {"--request", "POST"}), "405");
  EXPECT_EQ(Curl(url + "/metrics", {"--request", "DELETE"}), "405");
  EXPECT_EQ(Curl(url + "/metrics", {url + "/metrics"}), "up 1\n200up 1\n200") << "both on one connection";
}

TEST_F(HttpServerTest, APageMayRunOnlyWhatTheServerHasAndStandInNoFrame) {
  const auto server = Serve();
  const std::string head = Curl("http://" + server->address() + "/", {"--head"});
  EXPECT_THAT(head, AllOf(HasSubstr("default-src 'none'; script-src 'self'"), HasSubstr("frame-ancestors 'none'"),
                          HasSubstr("X-Content-Type-Options: nosniff"), HasSubstr("Cache-Control: no-store"),
                          ::testing::Not(HasSubstr("unsafe-inline"))));
}

TEST_F(HttpServerTest, ARequestThatIsTooLargeIsNotAnswered) {
  const auto server = Serve();
  const std::string url = "http://" + server->address() + "/metrics";
  EXPECT_EQ(Curl(url, {"--header", "x: " + std::string(4000, 'x')}), "up 1\n200");
  EXPECT_EQ(Curl(url, {"--header", "x: " + std::string(9000, 'x')}), "000");
}

TEST_F(HttpServerTest, ConnectionsBeyondTheMostAreClosedAndThoseThatSayNothingDoNotStopIt) {
  const auto server = Serve();
  std::vector<int> silent;
  for (int i = 0; i < 63; ++i) silent.push_back(Connect(*server));
  EXPECT_EQ(Curl("http://" + server->address() + "/metrics"), "up 1\n200");
  for (int i = 0; i < 3; ++i) silent.push_back(Connect(*server));
  pollfd last{silent.back(), POLLIN, 0};
  EXPECT_EQ(poll(&last, 1, 5000), 1) << "the last is closed";
  for (const int connection : silent) close(connection);
  std::string answer;
  for (int i = 0; i < 100 && answer != "up 1\n200"; ++i) answer = Curl("http://" + server->address() + "/metrics");
  EXPECT_EQ(answer, "up 1\n200") << "there is room again";
}

TEST_F(HttpServerTest, OverTlsItShowsItsCertificateAndAsksForOne) {
  const Certificate own = MakeCertificate("metrics.test");
  const Certificate scraper = MakeCertificate("prometheus.test");
  const Certificate stranger = MakeCertificate("prometheus.test");
  tls::TlsFiles files = Files("own", own);
  const auto server = Serve(files);
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", files.certificate}), "up 1\n200");
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", Write("other.pem", scraper.certificate)}), "000");
  EXPECT_EQ(Curl("http://" + server->address() + "/metrics"), "000");
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", files.certificate, "--tls-max", "1.1", "--tlsv1.0"}), "000");
  const tls::TlsFiles shown = Files("scraper", scraper);
  const tls::TlsFiles forged = Files("stranger", stranger);
  files.authorities = shown.certificate;
  const auto mutual = Serve(files);
  const auto as = [&](const tls::TlsFiles& client) {
    return CurlSecurely(*mutual, {"--cacert", files.certificate, "--cert", client.certificate, "--key", client.key});
  };
  EXPECT_EQ(as(shown), "up 1\n200");
  EXPECT_EQ(as(forged), "000");
  EXPECT_EQ(CurlSecurely(*mutual, {"--cacert", files.certificate}), "000");
}

TEST_F(HttpServerTest, ACertificateThatIsReplacedHoldsAtOnceAndAHalfReplacedOneLeavesTheOldOne) {
  const Certificate old = MakeCertificate("metrics.test");
  const Certificate next = MakeCertificate("metrics.test");
  const auto server = Serve(Files("own", old));
  const std::string trusts_old = Write("old.pem", old.certificate);
  const std::string trusts_next = Write("next.pem", next.certificate);
  ASSERT_EQ(CurlSecurely(*server, {"--cacert", trusts_old}), "up 1\n200");
  Write("own.key", next.key);
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", trusts_old}), "up 1\n200");
  Write("own.pem", next.certificate);
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", trusts_next}), "up 1\n200");
  EXPECT_EQ(CurlSecurely(*server, {"--cacert", trusts_old}), "000");
}

TEST_F(HttpServerTest, WhatItCannotUseIsNamed) {
  const auto server = Serve();
  const auto taken = HttpServer::Start(server->address(), {}, {});
  EXPECT_THAT(std::string(taken.status().message()), HasSubstr(server->address()));
  EXPECT_TRUE(absl::IsInvalidArgument(HttpServer::Start("127.0.0.1:0", {"/nowhere", "/nowhere", {}}, {}).status()));
  EXPECT_TRUE(absl::IsUnavailable(HttpServer::Start("nowhere.invalid:1", {}, {}).status()));
}

}  // namespace
}  // namespace smartbatch::metrics_endpoint
