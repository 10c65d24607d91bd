#include "services/proxy/scheduling/backends/cost_fit.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

namespace smartbatch::scheduling {
namespace {

constexpr double kSmoothKnee = 3;
// The weight of the prior in each term, in batches.
constexpr double kPriorBatches = 0.2;
// Another prior, or another form, replaces the simpler one only if it lowers the mean error to this share.
constexpr double kBetterPrior = 0.7;
constexpr double kBetterForm = 0.9;
// A smaller error counts as none.
constexpr double kNoError = 0.002;
// A share of the median batch time.
constexpr double kScaleFloorShare = 0.05;
constexpr int kRobustRounds = 3;
constexpr int kKneeRounds = 8;
// The rounds end when the error is at most kExact, or changes by at most this share of itself.
constexpr double kSettled = 0.01;
constexpr double kExact = 1e-6;
constexpr double kHuberThreshold = 1.345;
constexpr double kNormalMedianToDeviation = 1.4826;

CostTerms TermsOf(const CostModel& model) {
  return {model.fixed, model.quadratic, model.per_sequence, model.per_character, model.per_character_squared};
}

CostModel ModelOf(const CostTerms& terms, double knee) {
  return {terms[0], terms[1], terms[2], terms[3], terms[4], knee};
}

// The terms that the model has, and the fixed term.
unsigned TermsIn(const CostModel& model) {
  const CostTerms terms = TermsOf(model);
  unsigned present = 1;
  for (std::size_t i = 1; i < kCostTerms; ++i) {
    if (terms[i] > 0) present |= 1U << i;
  }
  return present;
}

// The middle one of the first `count` values, which must be at least 1. Quickselect, as std::nth_element, but without a
// branch for each value: half of them are mispredicted, and were a quarter of the time of a fit.
template <std::size_t N>
double Median(std::array<double, N> values, std::size_t count) {
  const std::size_t middle = count / 2;
  std::size_t first = 0;
  std::size_t last = count - 1;
  while (first < last) {
    std::swap(values[std::midpoint(first, last)], values[last]);
    const double pivot = values[last];
    std::size_t place = first;
    for (std::size_t i = first; i < last; ++i) {
      const double value = std::exchange(values[i], values[place]);
      values[place] = value;
      place += value < pivot ? 1 : 0;
    }
    std::swap(values[place], values[last]);
    if (place == middle) break;
    (place < middle ? first : last) = place < middle ? place + 1 : place - 1;
  }
  return values[middle];
}

}  // namespace

void CostFit::Observe(std::uint32_t sequences, std::uint32_t longest, double seconds) {
  if (!(seconds > 0)) return;
  const double n = sequences;
  const double length = longest;
  const double predicted = model_.Seconds(sequences, longest);
  const Sample sample{sequences, longest, predicted, predicted};
  std::size_t place = samples_.size();
  if (place < kSamples) {
    samples_.push_back(sample);
  } else {
    place = std::exchange(next_, (next_ + 1) % kSamples);
    samples_[place] = sample;
  }
  seconds_[place] = seconds;
  const CostTerms features{1, length * length, n, n * length, n * length * length};
  for (std::size_t i = 0; i < kCostTerms; ++i) features_[i][place] = features[i];
  ++since_refit_;
  const bool first = samples_.size() == kFirstSamples;
  if (!first && since_refit_ < (samples_.size() < kSamples ? kFirstRefits : kRefits)) return;
  if (!first) since_refit_ = 0;
  Refit();
  for (Sample& each : samples_) each.fitted = model_.Seconds(each.sequences, each.longest);
}

// --- The prior ---

CostFit::Fitted CostFit::Scaled(const CostModel& shape) const {
  Values ratios{};
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    const double believed = shape.Seconds(samples_[s].sequences, samples_[s].longest);
    ratios[s] = believed > 0 ? std::log(seconds_[s] / believed) : HUGE_VAL;
  }
  const double middle = Median(ratios, samples_.size());
  if (!std::isfinite(middle)) return {shape, HUGE_VAL};
  CostTerms terms = TermsOf(shape);
  const double scale = std::exp(middle);
  for (double& term : terms) term *= scale;
  double error = 0;
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    error += std::abs(ratios[s] - middle) / static_cast<double>(samples_.size());
  }
  return {ModelOf(terms, shape.knee), error};
}

CostModel CostFit::PriorOfTheBatches() const {
  const Fitted configured = Scaled(configured_);
  Fitted best = configured;
  for (const CostProfile& profile : CostProfiles()) {
    if (profile.cost == configured_) continue;
    const Fitted other = Scaled(profile.cost);
    if (other.error < best.error) best = other;
  }
  const bool clearly = best.error + kNoError < kBetterPrior * (configured.error + kNoError);
  if (clearly) return best.model;
  return std::isfinite(configured.error) ? configured.model : configured_;
}

// --- The fit ---

void CostFit::Refit() {
  SetScales();
  prior_ = PriorOfTheBatches();
  if (samples_.size() < kFirstRefits) {
    model_ = prior_;
    return;
  }
  // From the simplest form on, each must be clearly better than the simpler ones.
  const unsigned few = TermsIn(prior_);
  const double other_knee = prior_.knee == 1 ? kSmoothKnee : 1;
  const Fitted simplest = Fit(prior_.knee, few);
  Fitted best = simplest;
  for (const auto& [knee, allowed] :
       {std::pair(other_knee, few), {prior_.knee, kAllCostTerms}, {other_knee, kAllCostTerms}}) {
    if (best.error <= kNoError) break;
    const Fitted other = Fit(knee, allowed);
    if (other.error + kNoError < kBetterForm * (best.error + kNoError)) best = other;
  }
  if (prior_.RidersAreFree() && SeatShare(best.model) < kLeastSeatShare) best = simplest;
  // If a backend answers in no time at all there is nothing to choose by: the configured model stays.
  const CostTerms terms = TermsOf(best.model);
  const bool all_zero = std::all_of(terms.begin(), terms.end(), [](double term) { return term <= 0; });
  model_ = all_zero ? configured_ : best.model;
}

// The shortest batches do not dominate: the error of each counts as a share of its time and a part of the median time.
void CostFit::SetScales() {
  const double floor = kScaleFloorShare * Median(seconds_, samples_.size());
  for (std::size_t s = 0; s < samples_.size(); ++s) scales_[s] = seconds_[s] + floor;
}

CostFit::Fitted CostFit::Fit(double knee, unsigned allowed) const {
  // If the prior has another knee the first round is the additive fit: without a point to linearize at, the features
  // stay unscaled.
  const bool from_prior = knee == prior_.knee;
  CostModel model = from_prior ? prior_ : CostModel{.quadratic = 0, .knee = knee};
  Values fitted = SecondsBy(model);
  Values weights{};
  const auto weigh = [&](std::size_t s, double weight) { weights[s] = weight / (scales_[s] * scales_[s]); };
  for (std::size_t s = 0; s < samples_.size(); ++s) weigh(s, 1);
  double error = HUGE_VAL;
  const int rounds = knee == 1 ? kRobustRounds : kKneeRounds;
  for (int round = 0; round < rounds; ++round) {
    CostTerms terms = SolveNonNegative(Assemble(LinearizedAt(model, fitted), weights, allowed), allowed);
    // A full step may overshoot back and forth.
    if (knee != 1 && (from_prior || round > 0)) {
      const CostTerms before = TermsOf(model);
      for (std::size_t i = 0; i < kCostTerms; ++i) terms[i] = std::midpoint(terms[i], before[i]);
    }
    model = ModelOf(terms, knee);
    fitted = SecondsBy(model);
    Values errors{};
    double sum = 0;
    for (std::size_t s = 0; s < samples_.size(); ++s) {
      errors[s] = std::abs(seconds_[s] - fitted[s]) / scales_[s];
      sum += errors[s];
    }
    const double before = std::exchange(error, sum / static_cast<double>(samples_.size()));
    if (error <= kExact || std::abs(before - error) < kSettled * error) break;
    const double limit = kHuberThreshold * std::max(kNormalMedianToDeviation * Median(errors, samples_.size()), 1e-6);
    for (std::size_t s = 0; s < samples_.size(); ++s) weigh(s, limit / std::max(errors[s], limit));
  }
  return {model, error};
}

CostFit::Values CostFit::SecondsBy(const CostModel& model) const {
  Values seconds{};
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    seconds[s] = model.Seconds(samples_[s].sequences, samples_[s].longest);
  }
  return seconds;
}

// The batches' features in their costs linearized at `at`, by which they take `fitted` seconds.
CostFit::Columns CostFit::LinearizedAt(const CostModel& at, const Values& fitted) const {
  Columns features = features_;
  if (at.knee == 1) return features;
  const CostTerms terms = TermsOf(at);
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    if (!(fitted[s] > 0)) continue;
    double work = 0;
    for (std::size_t i = 1; i < kCostTerms; ++i) work += terms[i] * features[i][s];
    const auto slope = [&](double part) {
      // A part that is found to be zero would never be tried again.
      constexpr double kLeastPart = 0.1;
      const double share = std::max(part / fitted[s], kLeastPart);
      return at.knee == kSmoothKnee ? share * share : std::pow(share, at.knee - 1);
    };
    features[0][s] *= slope(at.fixed);
    const double slope_of_work = slope(work);
    for (std::size_t i = 1; i < kCostTerms; ++i) features[i][s] *= slope_of_work;
  }
  return features;
}

NormalEquations CostFit::Assemble(const Columns& features, const Values& weights, unsigned allowed) const {
  NormalEquations equations;
  auto& [matrix, right] = equations;
  const CostTerms prior = TermsOf(prior_);
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    if ((allowed >> i & 1U) == 0) continue;
    // The columns are written out so that the row's sums stay in registers.
    CostTerms row{};
    for (std::size_t s = 0; s < samples_.size(); ++s) {
      const double weighted = weights[s] * features[i][s];
      [&]<std::size_t... kColumn>(std::index_sequence<kColumn...>) {
        ((row[kColumn] += weighted * features[kColumn][s]), ...);
      }
      (std::make_index_sequence<kCostTerms>());
      right[i] += weighted * seconds_[s];
    }
    const double added = kPriorBatches * row[i] / static_cast<double>(samples_.size());
    row[i] += added;
    right[i] += added * prior[i];
    matrix[i] = row;
  }
  return equations;
}

double CostFit::SeatShare(const CostModel& model) const {
  CostModel without = model;
  without.per_sequence = without.per_character = without.per_character_squared = 0;
  double seats = 0;
  double all = 0;
  for (const Sample& sample : samples_) {
    const double fitted = model.Seconds(sample.sequences, sample.longest);
    seats += fitted - without.Seconds(sample.sequences, sample.longest);
    all += fitted;
  }
  return all > 0 ? seats / all : 0;
}

// --- How certain it is ---

bool CostFit::KnowsLength(std::uint32_t length) const {
  constexpr double kGood = 0.25;
  if (samples_.size() < kSamples) return false;
  const bool seen = std::any_of(samples_.begin(), samples_.end(),
                                [&](const Sample& sample) { return 2.0 * sample.longest >= length; });
  return seen && ResidualRatio() < kGood;
}

double CostFit::ResidualRatio() const {
  if (samples_.empty()) return 0;
  double sum = 0;
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    const double fitted = samples_[s].fitted;
    sum += fitted > 0 ? std::abs(seconds_[s] - fitted) / fitted : 0;
  }
  return sum / static_cast<double>(samples_.size());
}

double CostFit::PredictionErrorRatio() const {
  if (samples_.empty()) return 0;
  Values errors{};
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    errors[s] = std::abs(seconds_[s] - samples_[s].predicted) / seconds_[s];
  }
  return Median(errors, samples_.size());
}

}  // namespace smartbatch::scheduling
