#include "services/metrics_endpoint/process_metrics.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <prometheus/metric_family.h>
#include <sys/resource.h>
#include <unistd.h>

namespace smartbatch::metrics_endpoint {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily Sample(const std::string& name, const std::string& help, MetricType type, double value) {
  ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return {name, help, type, {metric}};
}

// The fields of /proc/self/stat after the program's name, which may contain spaces and brackets. Index 0 is field 3 of
// proc(5).
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(text.substr(name_end + 1));
  return {std::istream_iterator<std::string>(fields), std::istream_iterator<std::string>()};
}

// Seconds since the epoch at which the machine started.
std::optional<double> BootTimeSeconds() {
  std::ifstream file("/proc/stat");
  std::string key;
  double value = 0;
  for (std::string line; std::getline(file, line);) {
    if (std::istringstream(line) >> key >> value && key == "btime") return value;
  }
  return std::nullopt;
}

std::optional<double> OpenFileDescriptors() {
  std::error_code error;
  std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  double count = -1;  // without the descriptor that reads the folder
  for (; entries != std::filesystem::directory_iterator() && !error; entries.increment(error)) ++count;
  return count;
}

class ProcessMetrics final : public prometheus::Collectable {
 public:
  std::vector<MetricFamily> Collect() const override {
    std::vector<MetricFamily> families;
    AddStat(families);
    if (const auto count = OpenFileDescriptors()) {
      families.push_back(Sample("process_open_fds", "Number of open file descriptors.", MetricType::Gauge, *count));
    }
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
      families.push_back(Sample("process_max_fds", "Maximum number of open file descriptors.", MetricType::Gauge,
                                static_cast<double>(limit.rlim_cur)));
    }
    return families;
  }

 private:
  void AddStat(std::vector<MetricFamily>& families) const {
    const auto fields = StatFields();
    if (fields.size() <= 21) return;
    // Fields are numbered as in proc(5), so index 0 is field 3.
    const auto field = [&](std::size_t number) { return std::stod(fields[number - 3]); };
    families.push_back(Sample("process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
                              MetricType::Counter, (field(14) + field(15)) / ticks_per_second_));
    families.push_back(Sample("process_threads", "Number of operating system threads.", MetricType::Gauge, field(20)));
    if (boot_time_seconds_) {
      families.push_back(Sample("process_start_time_seconds", "Start time of the process since unix epoch in seconds.",
                                MetricType::Gauge, *boot_time_seconds_ + field(22) / ticks_per_second_));
    }
    families.push_back(
        Sample("process_virtual_memory_bytes", "Virtual memory size in bytes.", MetricType::Gauge, field(23)));
    families.push_back(Sample("process_resident_memory_bytes", "Resident memory size in bytes.", MetricType::Gauge,
                              field(24) * page_bytes_));
  }

  const double ticks_per_second_ = static_cast<double>(sysconf(_SC_CLK_TCK));
  const double page_bytes_ = static_cast<double>(sysconf(_SC_PAGESIZE));
  const std::optional<double> boot_time_seconds_ = BootTimeSeconds();
};

}  // namespace

std::shared_ptr<prometheus::Collectable> MakeProcessMetrics() { return std::make_shared<ProcessMetrics>(); }

}  // namespace smartbatch::metrics_endpoint
