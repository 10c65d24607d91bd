#include "services/tls/certificate_watch.h"

#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "tests/rpc/asked_server.h"
#include "tests/support/certificate.h"

namespace smartbatch::tls {
namespace {

using ::testing::AllOf;
using testing::Certificate;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::MakeCertificate;

// Keeps what is logged while it lives.
class Log {
 public:
  Log() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_)); }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  std::string text() const { return text_.str(); }
  std::size_t Lines(const std::string& part) const {
    std::istringstream lines(text_.str());
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line);) count += line.find(part) != std::string::npos ? 1 : 0;
    return count;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink_ = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
};

class CertificateWatchTest : public ::testing::Test {
 protected:
  static std::string Write(const std::string& name, const std::string& text) {
    return testing::WriteTestFile(::testing::TempDir(), "watch-" + name, text);
  }
  std::unique_ptr<CertificateWatch> Watch() {
    auto watch = CertificateWatch::Start(files_, [this](const Material& material) { used_.push_back(material); });
    EXPECT_TRUE(watch.ok()) << watch.status();
    return *std::move(watch);
  }
  void Put(const Certificate& certificate) {
    Write("own.pem", certificate.certificate);
    Write("own.key", certificate.key);
  }
  static CertificateState State() {
    const std::vector<CertificateState> states = CertificateStates();
    EXPECT_EQ(states.size(), 1U);
    return states.empty() ? CertificateState() : states.front();
  }

  const Certificate own_ = MakeCertificate("own");
  const TlsFiles files_{Write("own.pem", own_.certificate), Write("own.key", own_.key), {}};
  std::vector<Material> used_;
};

// What may be found in the place of certificate and key, and what the log says about it.
struct Unusable {
  const char* name;
  std::function<void(const TlsFiles& files, const Certificate& own)> put;
  const char* reason;
};

// For the names of the tests.
std::ostream& operator<<(std::ostream& out, const Unusable& unusable) { return out << unusable.name; }

class FilesThatCannotBeUsed : public CertificateWatchTest, public ::testing::WithParamInterface<Unusable> {};

TEST_P(FilesThatCannotBeUsed, LeaveThoseBeforeInUseAndAreLoggedOnce) {
  const auto watch = Watch();
  const auto expires = State().expires;
  {
    const Log log;
    GetParam().put(files_, own_);
    for (int i = 0; i < 5; ++i) watch->Refresh();
    EXPECT_EQ(log.Lines("stay in use"), 1U) << log.text();
    EXPECT_THAT(log.text(), AllOf(HasSubstr(GetParam().reason), HasSubstr("warning")));
  }
  EXPECT_EQ(used_.size(), 1U);
  EXPECT_FALSE(State().usable);
  EXPECT_EQ(State().expires, expires);

  std::filesystem::remove_all(files_.certificate);
  const Certificate next = MakeCertificate("next", "DNS:next", 7200);
  Put(next);
  const Log log;
  watch->Refresh();
  ASSERT_EQ(used_.size(), 2U);
  EXPECT_EQ(used_.back().certificate, next.certificate);
  EXPECT_EQ(used_.back().key, next.key);
  EXPECT_TRUE(State().usable);
  EXPECT_GT(State().expires, expires);
  EXPECT_EQ(log.Lines("was replaced"), 1U) << log.text();
}

// Three quarters of the text.
std::string CutOff(const std::string& text) { return text.substr(0, text.size() * 3 / 4); }

INSTANTIATE_TEST_SUITE_P(
    Certificates, FilesThatCannotBeUsed,
    ::testing::Values(
        Unusable{"AnEmptyCertificate", [](const auto& files, const auto&) { std::ofstream(files.certificate) << ""; },
                 "holds no certificate"},
        Unusable{"AnEmptyKey", [](const auto& files, const auto&) { std::ofstream(files.key) << ""; },
                 "holds no private key"},
        Unusable{"NoCertificate", [](const auto& files, const auto&) { std::filesystem::remove(files.certificate); },
                 "No such file"},
        Unusable{"AFolder",
                 [](const auto& files, const auto&) {
                   std::filesystem::remove(files.certificate);
                   std::filesystem::create_directory(files.certificate);
                 },
                 "a folder"},
        Unusable{
            "ACertificateThatIsCut",
            [](const auto& files, const auto& own) { std::ofstream(files.certificate) << CutOff(own.certificate); },
            "cannot be used"},
        Unusable{"AChainThatIsCut",
                 [](const auto& files, const auto& own) {
                   std::ofstream(files.certificate) << own.certificate << CutOff(own.certificate);
                 },
                 "cannot be used"},
        Unusable{"AKeyOfAnotherCertificate",
                 [](const auto& files, const auto&) { std::ofstream(files.key) << MakeCertificate("other").key; },
                 "does not match the certificate"},
        Unusable{"ACertificateThatHasExpired",
                 [](const auto& files, const auto&) {
                   const Certificate old = MakeCertificate("old", "DNS:old", -60);
                   std::ofstream(files.key) << old.key;
                   std::ofstream(files.certificate) << old.certificate;
                 },
                 "has expired"}),
    [](const auto& unusable) { return unusable.param.name; });

TEST_F(CertificateWatchTest, SeveralWatchesOfAFileSayOnceWhatIsWrong) {
  const auto first = Watch();
  const auto second = Watch();
  const Log log;
  Write("own.key", "");
  for (int i = 0; i < 3; ++i) {
    first->Refresh();
    second->Refresh();
  }
  EXPECT_EQ(log.Lines("holds no private key"), 1U) << log.text();
  EXPECT_EQ(CertificateStates().size(), 1U);
}

TEST_F(CertificateWatchTest, WarnsBeforeACertificateExpires) {
  const auto watch = Watch();
  const Log log;
  watch->Refresh();
  EXPECT_FALSE(State().expires_soon);
  EXPECT_EQ(log.Lines("expires"), 0U) << "half of its two hours is left: " << log.text();
  // It began an hour ago and ends in ten minutes.
  Put(MakeCertificate("own", "DNS:own", 600));
  for (int i = 0; i < 5; ++i) watch->Refresh();
  EXPECT_EQ(log.Lines("expires in less than 1 hours"), 1U) << log.text();
  EXPECT_THAT(log.text(), HasSubstr(files_.certificate));
  EXPECT_TRUE(State().expires_soon);
  EXPECT_LT(State().expires, std::chrono::system_clock::now() + std::chrono::minutes(11));
  Put(MakeCertificate("own", "DNS:own", 1));
  watch->Refresh();
  std::this_thread::sleep_for(std::chrono::milliseconds(2100));
  for (int i = 0; i < 5; ++i) watch->Refresh();
  EXPECT_EQ(log.Lines("has expired: clients refuse it"), 1U) << log.text();
}

TEST_F(CertificateWatchTest, LooksByItselfAndIsForgottenAfterwards) {
  {
    const auto watch = Watch();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const auto expires = State().expires;
    Put(MakeCertificate("next", "DNS:next", 7200));
    while (State().expires == expires && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_NE(State().expires, expires);
  }
  EXPECT_THAT(CertificateStates(), IsEmpty());
}

}  // namespace
}  // namespace smartbatch::tls
