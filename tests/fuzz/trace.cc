// A trace file: read, written and read again.
#include <sstream>
#include <string>

#include "services/proxy/simulation/trace.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

std::string Written(const simulation::Trace& trace) {
  std::ostringstream out;
  simulation::WriteTrace(trace, out);
  return out.str();
}

void Play(const std::string& text) {
  const simulation::TraceLimits limits;
  std::istringstream in(text);
  const auto trace = simulation::ReadTrace(in, limits);
  if (!trace.ok()) {
    Require(absl::IsInvalidArgument(trace.status()), "a wrong trace is INVALID_ARGUMENT");
    RequireOneLine(std::string(trace.status().message()));
    return;
  }
  Time last{};
  for (const simulation::Trace::Record& record : trace->records) {
    Require(record.time >= last, "requests are in the order of time");
    last = record.time;
    Require(record.customer < trace->customers.size(), "a request has a customer");
    Require(record.count >= 1 && record.count <= limits.max_sequences, "a request is within the limits");
    for (const std::uint32_t length : trace->LengthsOf(record)) {
      Require(length >= 1 && length <= limits.max_sequence_length, "a length is within the limits");
    }
  }
  const std::string written = Written(*trace);
  std::istringstream written_in(written);
  const auto again = simulation::ReadTrace(written_in, limits);
  Require(again.ok(), "what was written can be read", written);
  Require(Alike(Written(*again), written), "what was written is read as the same", written);

  const workload::Workload workload = simulation::WorkloadOf(*trace, "fuzz", "");
  std::uint64_t requests = 0;
  for (std::size_t i = 0; i < workload.customers.size(); ++i) {
    workload::ArrivalSource arrivals(workload.customers[i], 1, i);
    while (arrivals.Next() != kNever) ++requests;
  }
  Require(requests == trace->records.size(), "a workload of a trace plays all its requests");
  simulation::Faster(*trace, 1e-9);
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::Play(smartbatch::fuzz::TextOf(data, size));
  return 0;
}
