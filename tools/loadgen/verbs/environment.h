// What a result says about the machine on which it was measured, and about the moment.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace smartbatch::loadgen {

// Label and value, in the order to show: system, processor, cores, load, version.
std::vector<std::pair<std::string, std::string>> DescribeEnvironment();

// The present local time: `YYYYMMDD_HHMMSS`, and as people write it with the zone.
struct Moment {
  std::string stamp;
  std::string text;
};
Moment DescribeNow();

// Processor time of this process so far, user and system.
double ProcessCpuSeconds();

}  // namespace smartbatch::loadgen
