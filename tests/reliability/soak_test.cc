// Everything at once, for long: callers that leave, classifiers that die, freeze, send damaged replies and are
// replaced, strategies and configurations that change, files that are not configurations, certificates that are
// rotated, emptied and mixed up, a log that nobody reads. Nothing may grow.
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <gtest/gtest.h>

#include "common/random.h"
#include "tests/integration/load.h"
#include "tests/integration/stack.h"
#include "tests/reliability/fault_matrix.h"
#include "tests/reliability/lies.h"
#include "tests/reliability/log_reader.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/scale.h"
#include "tests/support/certificate.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

class Soak {
 public:
  Soak() {
    for (int i = 0; i < 3; ++i) classifiers_.push_back(std::make_unique<ClassifierProcess>(kClassifier));
    WriteConfiguration(0, 3, 1);
    proxy_ =
        log_reader_.Start<ProxyProcess>("", Flags{"--config", file_, "--cost-fixed", "0.002", "--max-queued-requests",
                                                  "200", "--batch-timeout-seconds", "0.5", "--log-level", "info"});
  }
  ~Soak() { std::filesystem::remove_all(file_); }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  ProxyProcess& proxy() { return *proxy_; }
  double Gauge(const std::string& name) { return proxy_->Metrics().Value(name).value_or(-1); }

  // Lets one thing go wrong, or change.
  void Disturb() {
    const auto one = static_cast<std::size_t>(random_.Between(0, 2));
    switch (random_.Between(0, 7)) {
      case 0: {
        const std::string address = classifiers_[one]->address();
        classifiers_[one].reset();  // killed
        classifiers_[one] = std::make_unique<ClassifierProcess>(kClassifier, address);
        break;
      }
      case 1:
        classifiers_[one]->process().Signal(SIGSTOP);
        std::this_thread::sleep_for(milliseconds(200));
        classifiers_[one]->process().Signal(SIGCONT);
        break;
      case 2: {
        const std::vector<std::string> all = StrategiesThatAnswerAll();
        const std::int64_t last = static_cast<std::int64_t>(all.size()) - 1;
        proxy_->SetStrategy(all[static_cast<std::size_t>(random_.Between(0, last))]);
        break;
      }
      case 3:
        WriteConfiguration(one, one + 1 + static_cast<std::size_t>(random_.Between(0, 2)),
                           static_cast<int>(random_.Between(1, 5)));
        proxy_->process().Signal(SIGHUP);
        break;
      case 4: {
        std::vector<RawConnection> connections;
        for (int i = 0; i < 20; ++i) {
          connections.emplace_back(proxy_->address());
          connections.back().Call("made-up-" + std::to_string(random_.Between(0, 100'000)));
        }
        for (std::size_t i = 0; i < connections.size(); i += 2) connections[i].Drop();
        break;
      }
      case 5: {  // more than the queue holds
        RawConnection connection(proxy_->address());
        for (int i = 0; i < 400; ++i) connection.Call("flood");
        connection.WaitForEnds(400);
        break;
      }
      case 6:
        ReloadWhatIsNoConfiguration();
        break;
      default:
        proxy_->Status();
        proxy_->Metrics();
    }
  }

 private:
  // A folder, an empty file, or a half-written one; the previous configuration stays.
  void ReloadWhatIsNoConfiguration() {
    std::filesystem::remove_all(file_);
    const std::int64_t kind = random_.Between(0, 2);
    if (kind == 0) std::filesystem::create_directory(file_);
    if (kind == 1) std::ofstream(file_).flush();
    if (kind == 2) std::ofstream(file_) << "backends { addr";
    proxy_->process().Signal(SIGHUP);
    std::this_thread::sleep_for(milliseconds(50));
    std::filesystem::remove_all(file_);
    WriteConfiguration(0, 3, 1);
  }

  // Names the classifiers from `first` to before `end`, and sometimes one more that sends damaged replies.
  void WriteConfiguration(std::size_t first, std::size_t end, int weight) {
    std::ofstream file(file_);
    const auto name = [&](const std::string& address) {
      file << "backends { address: \"" << address << "\" slots: " << random_.Between(1, 3) << " }\n";
    };
    for (std::size_t i = first; i < end; ++i) name(classifiers_[i % classifiers_.size()]->address());
    if (random_.Chance(0.5)) name(liar_.address());
    file << "customers { name: \"customer-1\" weight: " << weight << " }\n";
  }

  const Flags kClassifier = {"--cost-fixed", "0.002", "--cost-quadratic", "0", "--fault-error-rate", "0.01"};
  const std::string file_ = ::testing::TempDir() + "soak-" + std::to_string(getpid()) + ".textproto";
  Random random_{1};
  std::vector<std::unique_ptr<ClassifierProcess>> classifiers_;
  RawClassifier liar_{DamagedReplies()};
  LogReader log_reader_;  // that reads nothing
  std::unique_ptr<ProxyProcess> proxy_;
};

// A proxy with TLS, whose certificate and key are constantly replaced: by another good pair, by a pair that does not
// match, by nothing. Its connections live for a second, so that every rotation meets handshakes.
class TlsSoak {
 public:
  TlsSoak() {
    std::filesystem::create_directory(folder_);
    Write(0, 0);
    proxy_ = std::make_unique<Process>(
        "smartbatch-proxy",
        Flags{"--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0",
              "--backend", classifier_.address(), "--tls-cert", Path("cert.pem"), "--tls-key", Path("key.pem"),
              "--max-connection-age-seconds", "1", "--log-level", "error", "--cost-fixed", "0.002"});
    const auto ready = proxy_->WaitUntilReady();
    if (!ready) throw std::runtime_error("the proxy with TLS did not start");
    address_ = ready->at("listen");
  }
  ~TlsSoak() { std::filesystem::remove_all(folder_); }
  TlsSoak(const TlsSoak&) = delete;
  TlsSoak& operator=(const TlsSoak&) = delete;

  const std::string& address() const { return address_; }
  Process& proxy() { return *proxy_; }
  std::shared_ptr<grpc::Channel> Connect(const std::string& address) const {
    return TlsChannelTo(address, pairs_[0].certificate + pairs_[1].certificate, kName);
  }

  // Call it again and again: the files stay long enough to be looked at twice.
  void Rotate() {
    constexpr milliseconds kStay{2500};
    if (steady_clock::now() < next_rotation_) return;
    next_rotation_ = steady_clock::now() + kStay;
    const auto one = static_cast<std::size_t>(random_.Between(0, 1));
    switch (random_.Between(0, 3)) {
      case 0:
        return Write(one, 1 - one);
      case 1:
        std::ofstream(Path("cert.pem")).flush();
        return;
      case 2:
        std::ofstream(Path("key.pem")) << "no key";
        return;
      default:
        return Write(one, one);
    }
  }

 private:
  std::string Path(const char* name) const { return folder_ + "/" + name; }
  void Write(std::size_t certificate, std::size_t key) {
    std::ofstream(Path("cert.pem")) << pairs_[certificate].certificate;
    std::ofstream(Path("key.pem")) << pairs_[key].key;
  }

  static constexpr char kName[] = "proxy.test";
  const std::string folder_ = ::testing::TempDir() + "soak-tls-" + std::to_string(getpid());
  const Certificate pairs_[2] = {MakeCertificate(kName), MakeCertificate(kName)};
  Random random_{2};
  steady_clock::time_point next_rotation_{};
  ClassifierProcess classifier_{{"--cost-fixed", "0.002", "--cost-quadratic", "0"}};
  std::unique_ptr<Process> proxy_;
  std::string address_;
};

// SMARTBATCH_TEST_SOAK_SECONDS is the duration: 1800 for the full test.
TEST(ASoak, OfEverythingAtOnceLosesNothingAndNothingGrows) {
  const auto time = seconds(Scale("SMARTBATCH_TEST_SOAK_SECONDS", 120, 20));
  Soak soak;
  TlsSoak tls;
  const auto start = steady_clock::now();
  double memory_at_quarter = 0;
  double descriptors_at_quarter = 0;
  int disturbances = 0;
  {
    Load load(soak.proxy().address(), {.callers = 12, .impatient_share = 0.1, .cancelled_share = 0.1});
    Load encrypted(tls.address(),
                   {.callers = 2, .connect = [&tls](const std::string& address) { return tls.Connect(address); }});
    while (steady_clock::now() - start < time) {
      soak.Disturb();
      tls.Rotate();
      ++disturbances;
      std::this_thread::sleep_for(milliseconds(100));
      if (memory_at_quarter == 0 && steady_clock::now() - start > time / 4) {
        memory_at_quarter = soak.Gauge("process_resident_memory_bytes");
        descriptors_at_quarter = soak.Gauge("process_open_fds");
      }
    }
    load.Stop();
    encrypted.Stop();
    EXPECT_EQ(encrypted.ended(grpc::StatusCode::OK), encrypted.issued()) << encrypted.Describe();
    EXPECT_EQ(encrypted.wrong(), 0U);
    EXPECT_EQ(load.ended(), load.issued());
    EXPECT_EQ(load.wrong(), 0U);
    EXPECT_EQ(load.unanswered(), 0U) << load.Describe();
    EXPECT_GT(load.ended(grpc::StatusCode::OK), load.issued() / 2) << load.Describe();
    std::printf("%s\nover TLS: %s\n", load.Describe().c_str(), encrypted.Describe().c_str());
  }
  EXPECT_TRUE(soak.proxy().WaitForUnfinished(0)) << "something is left in the books";
  const double memory = soak.Gauge("process_resident_memory_bytes");
  const double descriptors = soak.Gauge("process_open_fds");
  const auto outcomes = soak.proxy().Status().outcomes();
  std::printf(
      "%d disturbances in %lld s, %llu requests: %.1f MB resident at a quarter, %.1f MB at the end; %.0f and %.0f "
      "descriptors\n",
      disturbances, static_cast<long long>(time.count()), static_cast<unsigned long long>(outcomes.offered()),
      memory_at_quarter / 1e6, memory / 1e6, descriptors_at_quarter, descriptors);
  EXPECT_LT(memory, SMARTBATCH_MOST_BYTES);
  EXPECT_LT(memory, memory_at_quarter + SMARTBATCH_MOST_GROWTH_BYTES);
  EXPECT_LT(descriptors, descriptors_at_quarter + 30);
  tls.proxy().Signal(SIGTERM);
  EXPECT_EQ(tls.proxy().Wait(), 0);
  soak.proxy().process().Signal(SIGTERM);
  EXPECT_EQ(soak.proxy().process().Wait(), 0);
}

}  // namespace
}  // namespace smartbatch::testing
