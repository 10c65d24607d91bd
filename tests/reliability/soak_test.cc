// Everything at once, for long: callers that leave, classifiers that die, freeze, send damaged replies and are
// exchanged, strategies and configurations that change; and nothing grows.
#include <chrono>
#include <csignal>
#include <cstdio>
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
#include "tests/reliability/lies.h"
#include "tests/reliability/raw_connection.h"
#include "tests/reliability/scale.h"

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
        std::make_unique<ProxyProcess>("", Flags{"--config", file_, "--cost-fixed", "0.002", "--max-queued-requests",
                                                 "200", "--batch-timeout-seconds", "0.5"});
  }
  ~Soak() { std::remove(file_.c_str()); }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;

  ProxyProcess& proxy() { return *proxy_; }
  double Gauge(const std::string& name) { return proxy_->Metrics().Value(name).value_or(-1); }

  // One thing goes wrong, or changes.
  void Disturb() {
    const auto one = static_cast<std::size_t>(random_.Between(0, 2));
    switch (random_.Between(0, 6)) {
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
        const char* const strategies[] = {"fcfs", "sjf", "fair", "density", "weighted_fair", "adaptive"};
        proxy_->SetStrategy(strategies[random_.Between(0, 5)]);
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
      default:
        proxy_->Status();
        proxy_->Metrics();
    }
  }

 private:
  // Names the classifiers from `first` to before `end`, and now and then one more that sends damaged replies.
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
  std::unique_ptr<ProxyProcess> proxy_;
};

// SMARTBATCH_TEST_SOAK_SECONDS says for how long: 1800 for the whole.
TEST(ASoak, OfEverythingAtOnceLosesNothingAndNothingGrows) {
  const auto time = seconds(Scale("SMARTBATCH_TEST_SOAK_SECONDS", 120, 20));
  Soak soak;
  const auto start = steady_clock::now();
  double memory_at_quarter = 0;
  double descriptors_at_quarter = 0;
  int disturbances = 0;
  {
    Load load(soak.proxy().address(), {.callers = 12, .impatient_share = 0.1, .cancelled_share = 0.1});
    while (steady_clock::now() - start < time) {
      soak.Disturb();
      ++disturbances;
      std::this_thread::sleep_for(milliseconds(100));
      if (memory_at_quarter == 0 && steady_clock::now() - start > time / 4) {
        memory_at_quarter = soak.Gauge("process_resident_memory_bytes");
        descriptors_at_quarter = soak.Gauge("process_open_fds");
      }
    }
    load.Stop();
    EXPECT_EQ(load.ended(), load.issued());
    EXPECT_EQ(load.wrong(), 0U);
    EXPECT_EQ(load.unanswered(), 0U) << load.Describe();
    EXPECT_GT(load.ended(grpc::StatusCode::OK), load.issued() / 2) << load.Describe();
    std::printf("%s\n", load.Describe().c_str());
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
  soak.proxy().process().Signal(SIGTERM);
  EXPECT_EQ(soak.proxy().process().Wait(), 0);
}

}  // namespace
}  // namespace smartbatch::testing
