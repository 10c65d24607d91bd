// What the proxy has resident, and what tests of its memory wait for.
#pragma once

#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <regex>
#include <sstream>
#include <string>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"

namespace smartbatch::testing {

constexpr double kMiB = 1024.0 * 1024;

inline std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A field of /proc/PID/status, in MiB: VmRSS is what is resident now, VmHWM the most that ever was.
inline double MiBOf(ProxyProcess& proxy, const std::string& field) {
  const std::string status = ReadFile("/proc/" + std::to_string(proxy.process().pid()) + "/status");
  std::smatch found;
  if (!std::regex_search(status, found, std::regex(field + R"(:\s+(\d+) kB)"))) return NAN;
  return std::stod(found[1]) / 1024;
}
inline double Resident(ProxyProcess& proxy) { return MiBOf(proxy, "VmRSS"); }
inline double MostResident(ProxyProcess& proxy) { return MiBOf(proxy, "VmHWM"); }

template <class Condition>
bool Within(std::chrono::seconds time, Condition condition) {
  const auto deadline = std::chrono::steady_clock::now() + time;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return true;
}

// Waits until the proxy has seen `requests` requests. A client may send faster than the proxy sees calls; gRPC holds
// these calls meanwhile, and no limit of the queue counts them.
inline bool HasSeen(ProxyProcess& proxy, std::uint64_t requests) {
  return Within(std::chrono::seconds(20), [&] { return proxy.Status().outcomes().offered() >= requests; });
}

// A configuration file of the test's own with this text.
inline std::string ConfigFile(const std::string& name, const std::string& text) {
  const std::string path = ::testing::TempDir() + "memory-" + std::to_string(getpid()) + "-" + name;
  std::ofstream(path) << text;
  return path;
}

}  // namespace smartbatch::testing
