#include "tools/loadgen/verbs/environment.h"

#include <sys/resource.h>
#include <sys/utsname.h>

#include <array>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <thread>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

namespace smartbatch::loadgen {
namespace {

std::string ProcessorName() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

std::string Format(const std::tm& time, const char* format) {
  std::array<char, 64> text{};
  return {text.data(), std::strftime(text.data(), text.size(), format, &time)};
}

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> DescribeEnvironment() {
  utsname system{};
  uname(&system);
  std::array<double, 1> load{};
  getloadavg(load.data(), 1);
  return {{"system", fmt::format("{} {} {}", system.sysname, system.release, system.machine)},
          {"processor", fmt::format("{}, {} threads", ProcessorName(), std::thread::hardware_concurrency())},
          {"load at start", fmt::format("{:.2f}", load[0])},
          {"loadgen", fmt::format("{}, gRPC {}, compiler {}", SMARTBATCH_VERSION, grpc::Version(), __VERSION__)}};
}

Moment DescribeNow() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  return {Format(local, "%Y%m%d_%H%M%S"), Format(local, "%Y-%m-%d %H:%M:%S %Z")};
}

double ProcessCpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return Seconds(usage.ru_utime) + Seconds(usage.ru_stime);
}

}  // namespace smartbatch::loadgen
