#include "services/proxy/scheduling/backends/batch_size_limit.h"

#include <algorithm>

namespace smartbatch::scheduling {

std::uint32_t BatchSizeLimit::known() const {
  return least_refused_ == 0 ? 0 : std::max(most_served_, (most_served_ + least_refused_) / 2);
}

std::uint32_t BatchSizeLimit::Seats(std::uint32_t most, Time now) const {
  return least_refused_ == 0 || now >= doubted_at_ ? most : std::min(most, known());
}

void BatchSizeLimit::Served(std::uint32_t sequences) {
  most_served_ = std::max(most_served_, sequences);
  if (most_served_ >= least_refused_) least_refused_ = 0;
}

void BatchSizeLimit::Refused(BatchId batch, std::uint32_t sequences, Time now) {
  // No further batch of full size goes there until more is known.
  if (least_refused_ != 0) doubted_at_ = Later(now, kTrustFor);
  if (trial_ && now - trial_->since < kTrialTime) return;
  trial_ = Trial{.batch = batch, .sequences = sequences, .served = 0, .since = now};
}

std::optional<std::uint32_t> BatchSizeLimit::ServedAlone(BatchId refused, Time now) {
  if (!trial_ || trial_->batch != refused || ++trial_->served < trial_->sequences) return std::nullopt;
  const std::uint32_t sequences = trial_->sequences;
  trial_.reset();
  // The backend has served as many before: it is a different one now.
  if (most_served_ >= sequences) most_served_ = 1;
  least_refused_ = least_refused_ == 0 ? sequences : std::min(least_refused_, sequences);
  doubted_at_ = Later(now, kTrustFor);
  return sequences;
}

void BatchSizeLimit::FailedAlone(BatchId refused) {
  if (trial_ && trial_->batch == refused) trial_.reset();
}

}  // namespace smartbatch::scheduling
