// The programs compared with the simulator: the same requests, and the same mean latency.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/random.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr double kTraceSeconds = 16;
constexpr double kMostDifference = 0.10;
// If a sleeping thread wakes later than this in the mean, others have the processor.
constexpr double kMostOversleptMs = 0.5;
constexpr int kAttempts = 5;
// Others may have the processor for a while, such as a package manager after an installation.
constexpr std::chrono::seconds kPause{10};

// A classifier with a measured cost, and traffic that keeps it busy for about half of the time with batches of tens of
// milliseconds: gRPC and the kernel then add a few per cent.
struct Profile {
  std::string name;
  Flags cost;
  double requests_per_second = 0;
  std::uint32_t shortest = 0;
  std::uint32_t longest = 0;
};

std::vector<Profile> Profiles() {
  return {{"seed", {"--cost-profile", "seed"}, 9, 100, 400},
          {"cpu", {"--cost-profile", "cpu"}, 5, 100, 400},
          // Fifty times slower, so that short texts fill it as little as the real one.
          {"gpu",
           {"--cost-profile", "gpu", "--cost-fixed", "0.0427", "--cost-per-character", "4.9e-5",
            "--cost-per-character-squared", "3.07e-8"},
           14,
           100,
           400}};
}

// Gives this thread real-time priority, which programs started meanwhile inherit. If it is not allowed nothing changes.
class RealTimePriority {
 public:
  RealTimePriority() {
    sched_param priority{};
    priority.sched_priority = 5;
    sched_setscheduler(0, SCHED_FIFO, &priority);
  }
  ~RealTimePriority() {
    const sched_param usual{};
    sched_setscheduler(0, SCHED_OTHER, &usual);
  }
  RealTimePriority(const RealTimePriority&) = delete;
  RealTimePriority& operator=(const RealTimePriority&) = delete;
};

// Sleeps and records how late it wakes, which tells whether the machine has time for those who need it.
class Sleeper {
 public:
  double MeanOversleptMs() {
    thread_.request_stop();
    thread_.join();
    return sleeps_ > 0 ? overslept_ms_ / sleeps_ : 0;
  }

 private:
  void Run(const std::stop_token& stop) {
    constexpr milliseconds kSleep{5};
    while (!stop.stop_requested()) {
      const auto start = steady_clock::now();
      std::this_thread::sleep_for(kSleep);
      overslept_ms_ += duration<double, std::milli>(steady_clock::now() - start - kSleep).count();
      ++sleeps_;
    }
  }
  double overslept_ms_ = 0;
  double sleeps_ = 0;
  std::jthread thread_{[this](const std::stop_token& stop) { Run(stop); }};
};

class Folder {
 public:
  Folder() : path_(fs::path(::testing::TempDir()) / ("agreement-" + std::to_string(::getpid()))) {
    fs::create_directories(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

void WriteTrace(const Profile& profile, const std::string& path) {
  std::ofstream file(path);
  Random random(11);
  for (double seconds = random.Exponential(1 / profile.requests_per_second); seconds < kTraceSeconds;
       seconds += random.Exponential(1 / profile.requests_per_second)) {
    nlohmann::json lengths = nlohmann::json::array();
    for (auto left = random.Between(1, 3); left > 0; --left) {
      lengths.push_back(random.Between(profile.shortest, profile.longest));
    }
    file << nlohmann::json{{"timestamp_ms", 1e3 * seconds}, {"customer", "a"}, {"lengths", lengths}} << "\n";
  }
}

Flags Joined(Flags flags, const Flags& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

double SimulatedMeanMs(const Profile& profile, const std::string& trace, const Flags& more = {}) {
  const Flags flags = {"simulate",        "--trace-in", trace,      "--strategies", "density",
                       "--warm-up-share", "0",          "--format", "json"};
  const Finished finished = RunToEnd("loadgen", Joined(Joined(flags, profile.cost), more));
  EXPECT_EQ(finished.exit_code, 0);
  return nlohmann::json::parse(finished.standard_output).at("results").at(0).at("latency_ms").at("mean");
}

// Nothing if the machine was too busy.
std::optional<double> LiveMeanMs(const Profile& profile, const std::string& trace, const std::string& results) {
  const RealTimePriority priority;
  ClassifierProcess classifier(profile.cost);
  ProxyProcess proxy(classifier.address(), profile.cost);
  Sleeper sleeper;
  const Finished finished = RunToEnd(
      "loadgen",
      {"run", "--trace-in", trace, "--target", proxy.address(), "--admin-target", proxy.admin_address(), "--seconds",
       std::to_string(kTraceSeconds), "--warm-up-seconds", "0", "--results", results, "--progress", "none"},
      milliseconds(90'000));
  constexpr int kInvalid = 3;
  const double overslept_ms = sleeper.MeanOversleptMs();
  if (finished.exit_code == kInvalid || overslept_ms > kMostOversleptMs) {
    printf("others had the processor: loadgen ended with %d, threads overslept by %.2f ms\n",
           finished.exit_code.value_or(-1), overslept_ms);
    return std::nullopt;
  }
  EXPECT_EQ(finished.exit_code, 0) << finished.standard_output;
  for (const auto& entry : fs::directory_iterator(results)) {
    if (!entry.path().string().ends_with("_summary.json")) continue;
    std::ifstream file(entry.path());
    const auto all = nlohmann::json::parse(file).at("workloads").at(0).at("strategies").at(0).at("all");
    EXPECT_EQ(all.at("answered"), all.at("due"));
    return all.at("latency_ms").at("mean").get<double>();
  }
  ADD_FAILURE() << "loadgen wrote no summary";
  return std::nullopt;
}

class TheLiveProxy : public ::testing::TestWithParam<Profile> {};

TEST_P(TheLiveProxy, HasTheMeanLatencyThatTheSimulatorSays) {
  const Folder folder;
  const std::string trace = folder / "trace.jsonl";
  WriteTrace(GetParam(), trace);
  const double simulated = SimulatedMeanMs(GetParam(), trace);
  // The control: the same requests before a classifier with two slots.
  const double of_two_slots = SimulatedMeanMs(GetParam(), trace, {"--slots", "2"});
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const auto live = LiveMeanMs(GetParam(), trace, folder / ("results-" + std::to_string(attempt)));
    if (!live) {
      std::this_thread::sleep_for(kPause);
      continue;
    }
    printf("%s: live %.1f ms, simulated %.1f ms, ratio %.3f\n", GetParam().name.c_str(), *live, simulated,
           *live / simulated);
    EXPECT_NEAR(*live / simulated, 1, kMostDifference);
    EXPECT_GT(std::abs(*live / of_two_slots - 1), kMostDifference) << "it agrees with a simulation of something else";
    return;
  }
  GTEST_SKIP() << "the machine was too busy to tell, " << kAttempts << " times";
}

INSTANTIATE_TEST_SUITE_P(Profiles, TheLiveProxy, ::testing::ValuesIn(Profiles()),
                         [](const auto& profile) { return profile.param.name; });

}  // namespace
}  // namespace smartbatch::testing
