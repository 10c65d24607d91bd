// A workload file: read, written and read again, and its first requests drawn.
#include <string>
#include <variant>
#include <vector>

#include "common/workload/workload_file.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

// A file may hold 100,000 customers; a few of them are drawn from.
constexpr std::size_t kMostCustomers = 20;

void DrawFrom(const workload::CustomerModel& customer, std::uint64_t index) {
  workload::RequestSource requests(customer.requests, 1, index);
  std::vector<std::uint32_t> lengths;
  for (int i = 0; i < 5; ++i) {
    requests.Draw(lengths);
    Require(
        lengths.size() >= customer.requests.sequences_minimum && lengths.size() <= customer.requests.sequences_maximum,
        "a request has as many sequences as the file says");
    for (const std::uint32_t length : lengths) Require(length > 0, "a length is above 0");
  }
  if (const auto* const loop = std::get_if<workload::ClosedLoop>(&customer.arrivals)) {
    workload::ThinkTimeSource think(*loop, 1, index);
    for (int i = 0; i < 5; ++i) Require(think.Next() >= Duration::zero(), "nobody thinks for less than no time");
    return;
  }
  workload::ArrivalSource arrivals(customer, 1, index);
  Time last{};
  for (int i = 0; i < 5; ++i) {
    const Time next = arrivals.Next();
    Require(next >= last, "arrivals are in the order of time");
    last = next;
  }
}

void Play(const std::string& text) {
  const auto workload = workload::ParseWorkload(text, "fuzz");
  if (!workload.ok()) {
    Require(absl::IsInvalidArgument(workload.status()), "a wrong workload is INVALID_ARGUMENT");
    RequireOneLine(std::string(workload.status().message()));
    return;
  }
  const std::string written = workload::WorkloadJson(*workload);
  const auto again = workload::ParseWorkload(written, "written");
  Require(again.ok(), "what was written can be read", written + std::string(again.status().message()));
  const std::string twice = workload::WorkloadJson(*again);
  Require(Alike(twice, written), "what was written is read as the same", written + twice);
  Require(workload::MeanRequestsPerSecond(*workload) >= 0, "the rate is a number of at least 0", written);
  for (std::size_t i = 0; i < std::min(workload->customers.size(), kMostCustomers); ++i) {
    DrawFrom(workload->customers[i], i);
  }
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::Play(smartbatch::fuzz::TextOf(data, size));
  return 0;
}
