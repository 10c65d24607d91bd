#include "services/proxy/simulation/simulated_backend.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <absl/strings/str_cat.h>

namespace smartbatch::simulation {
namespace {

// How soon a connection to a backend that is down is refused.
constexpr Duration kRefusal = std::chrono::milliseconds(1);
constexpr double kLargestJitter = 5;
// A stream that the workloads, which draw from the same seed, do not use.
constexpr std::uint64_t kJitterStream = 0x717'7E4'0000ULL;

}  // namespace

absl::Status SimulatedBackend::Validate() const {
  if (slots < 1) return absl::InvalidArgumentError(absl::StrCat("slots is ", slots, "; give 1 or more"));
  if (!(jitter >= 0) || jitter > kLargestJitter) {
    return absl::InvalidArgumentError(absl::StrCat("jitter is ", jitter, "; give 0 to ", kLargestJitter));
  }
  for (std::size_t i = 0; i < outages.size(); ++i) {
    if (outages[i].to <= outages[i].from || (i > 0 && outages[i].from < outages[i - 1].to)) {
      return absl::InvalidArgumentError("outages must be in order of time, each with an end after its beginning");
    }
  }
  if (absl::Status status = true_cost.Validate(); !status.ok()) return status;
  return faults.Validate();
}

BackendProcess::BackendProcess(SimulatedBackend backend, std::uint64_t seed, std::uint64_t index)
    : backend_(std::move(backend)),
      faults_([&] {
        FaultRates faults = backend_.faults;
        faults.seed = Random::Stream(seed ^ faults.seed, kJitterStream + 2 * index).Bits();
        return faults;
      }()),
      has_faults_(backend_.faults.error_rate + backend_.faults.slow_rate + backend_.faults.hang_rate > 0),
      random_(Random::Stream(seed, kJitterStream + 2 * index + 1)) {}

SimulatedEnd BackendProcess::Start(const scheduling::Batch& batch, Time now) {
  const std::uint64_t number = batches_++;
  const auto outage = std::find_if(backend_.outages.begin(), backend_.outages.end(),
                                   [&](const Outage& candidate) { return now < candidate.to; });
  const bool will_go = outage != backend_.outages.end();
  if (will_go && outage->from <= now) return {Later(now, kRefusal), absl::StatusCode::kUnavailable};

  const Fault fault = has_faults_ ? faults_.Draw(number) : Fault::kNone;
  double seconds = backend_.true_cost.Seconds(batch.members.size(), batch.longest);
  if (backend_.jitter > 0) {
    seconds *= std::exp(backend_.jitter * random_.Normal() - backend_.jitter * backend_.jitter / 2);
  }
  if (fault == Fault::kSlow) seconds *= faults_.slow_factor;
  const Duration takes = fault == Fault::kHang ? Duration::max() : FromSeconds(seconds);

  SimulatedEnd ending{Later(now, takes), fault == Fault::kError ? absl::StatusCode::kInternal : absl::StatusCode::kOk};
  if (takes > batch.timeout) ending = {Later(now, batch.timeout), absl::StatusCode::kDeadlineExceeded};
  if (will_go && outage->from < ending.end) ending = {outage->from, absl::StatusCode::kUnavailable, true};
  return ending;
}

}  // namespace smartbatch::simulation
