#include "services/classifier/faults.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/random.h"

namespace smartbatch::classifier {
namespace {

bool IsShare(double rate) { return rate >= 0 && rate <= 1; }  // false for NaN

}  // namespace

absl::Status FaultOptions::Validate() const {
  for (const auto& [name, rate] :
       {std::pair("error", error_rate), std::pair("slow", slow_rate), std::pair("hang", hang_rate)}) {
    if (!IsShare(rate)) {
      return absl::InvalidArgumentError("--fault-" + std::string(name) + "-rate is " + std::to_string(rate) +
                                        "; give a share of the batches from 0 to 1");
    }
  }
  const double sum = error_rate + slow_rate + hang_rate;
  if (sum > 1 + 1e-9) {
    return absl::InvalidArgumentError("--fault-error-rate, --fault-slow-rate and --fault-hang-rate add up to " +
                                      std::to_string(sum) + "; a batch meets one fault, so lower them to 1 together");
  }
  if (!std::isfinite(slow_factor) || slow_factor < 1) {
    return absl::InvalidArgumentError("--fault-slow-factor is " + std::to_string(slow_factor) +
                                      "; give a factor of 1 or more");
  }
  return absl::OkStatus();
}

Fault FaultPlan::Decide(std::uint64_t batch_number, const std::vector<std::string>& sequences) const {
  const auto holds = [&sequences](const std::string& bad) {
    return !bad.empty() && std::any_of(sequences.begin(), sequences.end(),
                                       [&bad](const std::string& text) { return text.find(bad) != std::string::npos; });
  };
  if (holds(options_.crash)) return Fault::kCrash;
  if (holds(options_.poison)) return Fault::kError;
  double draw = Random::Stream(options_.seed, batch_number).Uniform();
  if (draw < options_.error_rate) return Fault::kError;
  draw -= options_.error_rate;
  if (draw < options_.slow_rate) return Fault::kSlow;
  draw -= options_.slow_rate;
  return draw < options_.hang_rate ? Fault::kHang : Fault::kNone;
}

}  // namespace smartbatch::classifier
