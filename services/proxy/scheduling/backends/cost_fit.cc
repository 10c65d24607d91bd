#include "services/proxy/scheduling/backends/cost_fit.h"

#include <algorithm>
#include <cmath>
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

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

CostTerms CostFit::TermsOf(const CostModel& model) {
  return {model.fixed, model.quadratic, model.per_sequence, model.per_character, model.per_character_squared};
}

CostModel CostFit::ModelOf(const CostTerms& terms, double knee) {
  return {terms[0], terms[1], terms[2], terms[3], terms[4], knee};
}

void CostFit::Observe(std::uint32_t sequences, std::uint32_t longest, double seconds) {
  if (!(seconds > 0)) return;
  const double n = sequences;
  const double length = longest;
  const double predicted = model_.Seconds(sequences, longest);
  const Sample sample{
      {1, length * length, n, n * length, n * length * length}, sequences, longest, seconds, predicted, predicted};
  if (samples_.size() < kSamples) {
    samples_.push_back(sample);
  } else {
    samples_[next_] = sample;
    next_ = (next_ + 1) % kSamples;
  }
  ++since_refit_;
  const bool first = samples_.size() == kFirstSamples;
  if (!first && since_refit_ < (samples_.size() < kSamples ? kFirstRefits : kRefits)) return;
  if (!first) since_refit_ = 0;
  Refit();
  for (Sample& each : samples_) each.fitted = model_.Seconds(each.sequences, each.longest);
}

// --- The prior ---

CostFit::Fitted CostFit::Scaled(const CostModel& shape) const {
  std::vector<double> ratios;
  ratios.reserve(samples_.size());
  for (const Sample& sample : samples_) {
    const double believed = shape.Seconds(sample.sequences, sample.longest);
    ratios.push_back(believed > 0 ? std::log(sample.seconds / believed) : HUGE_VAL);
  }
  const double middle = Median(ratios);
  if (!std::isfinite(middle)) return {shape, HUGE_VAL};
  CostTerms terms = TermsOf(shape);
  for (double& term : terms) term *= std::exp(middle);
  double error = 0;
  for (const double ratio : ratios) error += std::abs(ratio - middle) / static_cast<double>(ratios.size());
  return {ModelOf(terms, shape.knee), error};
}

CostModel CostFit::PriorOfTheBatches() const {
  const Fitted configured = Scaled(configured_);
  Fitted best = configured;
  for (const CostProfile& profile : CostProfiles()) {
    const Fitted other = Scaled(profile.cost);
    if (other.error < best.error) best = other;
  }
  const bool clearly = best.error + kNoError < kBetterPrior * (configured.error + kNoError);
  if (clearly) return best.model;
  return std::isfinite(configured.error) ? configured.model : configured_;
}

// --- The fit ---

// The terms that the model has, and the fixed term.
unsigned CostFit::TermsIn(const CostModel& model) {
  const CostTerms terms = TermsOf(model);
  unsigned present = 1;
  for (std::size_t i = 1; i < kCostTerms; ++i) {
    if (terms[i] > 0) present |= 1U << i;
  }
  return present;
}

void CostFit::Refit() {
  std::vector<double> times;
  for (const Sample& sample : samples_) times.push_back(sample.seconds);
  scale_floor_ = kScaleFloorShare * Median(std::move(times));
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

CostFit::Fitted CostFit::Fit(double knee, unsigned allowed) const {
  std::vector<double> weights(samples_.size(), 1);
  // If the prior has another knee the first round is the additive fit: without a point to linearize at, the features
  // stay unscaled.
  const bool from_prior = knee == prior_.knee;
  CostModel model = from_prior ? prior_ : CostModel{.quadratic = 0, .knee = knee};
  double error = HUGE_VAL;
  const int rounds = knee == 1 ? kRobustRounds : kKneeRounds;
  for (int round = 0; round < rounds; ++round) {
    CostTerms terms = SolveNonNegative(Assemble(model, weights), allowed);
    // A full step may overshoot back and forth.
    if (knee != 1 && (from_prior || round > 0)) {
      const CostTerms before = TermsOf(model);
      for (std::size_t i = 0; i < kCostTerms; ++i) terms[i] = std::midpoint(terms[i], before[i]);
    }
    model = ModelOf(terms, knee);
    const std::vector<double> errors = RelativeErrors(model);
    const double deviation = std::max(kNormalMedianToDeviation * Median(errors), 1e-6);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const double limit = kHuberThreshold * deviation;
      weights[i] = errors[i] <= limit ? 1 : limit / errors[i];
    }
    const double before =
        std::exchange(error, std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(errors.size()));
    if (error <= kExact || std::abs(before - error) < kSettled * error) break;
  }
  return {model, error};
}

// The features of a batch's cost linearized at `at`.
CostTerms CostFit::FeaturesAt(const Sample& sample, const CostModel& at) {
  CostTerms features = sample.features;
  if (at.knee == 1) return features;
  // A part that is found to be zero would never be tried again.
  constexpr double kLeastPart = 0.1;
  const CostTerms terms = TermsOf(at);
  double work = 0;
  for (std::size_t i = 1; i < kCostTerms; ++i) work += terms[i] * features[i];
  const double whole = at.Seconds(sample.sequences, sample.longest);
  const auto slope = [&](double part) {
    if (!(whole > 0)) return 1.0;
    const double share = std::max(part / whole, kLeastPart);
    return at.knee == kSmoothKnee ? share * share : std::pow(share, at.knee - 1);
  };
  features[0] *= slope(at.fixed);
  const double slope_of_work = slope(work);
  for (std::size_t i = 1; i < kCostTerms; ++i) features[i] *= slope_of_work;
  return features;
}

NormalEquations CostFit::Assemble(const CostModel& at, const std::vector<double>& weights) const {
  NormalEquations equations;
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    const CostTerms features = FeaturesAt(samples_[s], at);
    const double scale = Scale(samples_[s]);
    const double weight = weights[s] / (scale * scale);
    for (std::size_t i = 0; i < kCostTerms; ++i) {
      for (std::size_t j = 0; j < kCostTerms; ++j) equations.matrix[i][j] += weight * features[i] * features[j];
      equations.right[i] += weight * features[i] * samples_[s].seconds;
    }
  }
  const CostTerms prior = TermsOf(prior_);
  for (std::size_t i = 0; i < kCostTerms; ++i) {
    const double added = kPriorBatches * equations.matrix[i][i] / static_cast<double>(samples_.size());
    equations.matrix[i][i] += added;
    equations.right[i] += added * prior[i];
  }
  return equations;
}

std::vector<double> CostFit::RelativeErrors(const CostModel& model) const {
  std::vector<double> errors;
  errors.reserve(samples_.size());
  for (const Sample& sample : samples_) {
    const double fitted = model.Seconds(sample.sequences, sample.longest);
    errors.push_back(std::abs(sample.seconds - fitted) / Scale(sample));
  }
  return errors;
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
  for (const Sample& sample : samples_) {
    sum += sample.fitted > 0 ? std::abs(sample.seconds - sample.fitted) / sample.fitted : 0;
  }
  return sum / static_cast<double>(samples_.size());
}

double CostFit::PredictionErrorRatio() const {
  if (samples_.empty()) return 0;
  std::vector<double> errors;
  errors.reserve(samples_.size());
  for (const Sample& sample : samples_) {
    errors.push_back(std::abs(sample.seconds - sample.predicted) / sample.seconds);
  }
  return Median(std::move(errors));
}

}  // namespace smartbatch::scheduling
