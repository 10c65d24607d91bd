#include "common/fault_rates.h"

#include <cmath>
#include <utility>

#include <absl/strings/str_cat.h>

#include "common/random.h"

namespace smartbatch {
namespace {

bool IsShare(double rate) { return rate >= 0 && rate <= 1; }  // false for NaN

}  // namespace

absl::Status FaultRates::Validate() const {
  for (const auto& [name, rate] :
       {std::pair("error", error_rate), std::pair("slow", slow_rate), std::pair("hang", hang_rate)}) {
    if (!IsShare(rate)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--fault-", name, "-rate is ", rate, "; give a share of the batches from 0 to 1"));
    }
  }
  const double sum = error_rate + slow_rate + hang_rate;
  if (sum > 1 + 1e-9) {
    return absl::InvalidArgumentError(
        absl::StrCat("--fault-error-rate, --fault-slow-rate and --fault-hang-rate add up to ", sum,
                     "; a batch meets one fault, so lower them to 1 together"));
  }
  if (!std::isfinite(slow_factor) || slow_factor < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--fault-slow-factor is ", slow_factor, "; give a factor of 1 or more"));
  }
  return absl::OkStatus();
}

Fault FaultRates::Draw(std::uint64_t batch_number) const {
  double draw = Random::Stream(seed, batch_number).Uniform();
  if (draw < error_rate) return Fault::kError;
  draw -= error_rate;
  if (draw < slow_rate) return Fault::kSlow;
  draw -= slow_rate;
  return draw < hang_rate ? Fault::kHang : Fault::kNone;
}

}  // namespace smartbatch
