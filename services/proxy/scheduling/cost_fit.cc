#include "services/proxy/scheduling/cost_fit.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace smartbatch::scheduling {
namespace {

constexpr unsigned kAllTerms = 0b1111;
constexpr std::size_t kPerSequence = 2;
constexpr std::size_t kPerCharacter = 3;
// How many batches the configured model counts for: in the terms it has, and in those it has not.
constexpr double kPriorBatches = 0.2;
constexpr double kPriorBatchesOfAbsentTerms = 4;
// Of the median batch time.
constexpr double kScaleFloorShare = 0.05;
constexpr int kRobustRounds = 3;
constexpr double kHuberThreshold = 1.345;
constexpr double kNormalMedianToDeviation = 1.4826;

double Median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Solves the rows and columns of the symmetric system that `chosen` names by Gaussian elimination; the other unknowns
// are 0. Nothing where the system is singular.
template <std::size_t N>
std::optional<std::array<double, N>> SolveFor(std::array<std::array<double, N>, N> matrix, std::array<double, N> right,
                                              unsigned chosen) {
  std::array<std::size_t, N> places{};
  std::size_t count = 0;
  for (std::size_t i = 0; i < N; ++i) {
    if ((chosen >> i & 1U) != 0) places[count++] = i;
  }
  for (std::size_t k = 0; k < count; ++k) {
    const std::size_t pivot = places[k];
    if (matrix[pivot][pivot] <= 1e-12) return std::nullopt;
    for (std::size_t i = k + 1; i < count; ++i) {
      const std::size_t row = places[i];
      const double factor = matrix[row][pivot] / matrix[pivot][pivot];
      for (std::size_t j = k; j < count; ++j) matrix[row][places[j]] -= factor * matrix[pivot][places[j]];
      right[row] -= factor * right[pivot];
    }
  }
  std::array<double, N> solution{};
  for (std::size_t k = count; k-- > 0;) {
    const std::size_t row = places[k];
    double value = right[row];
    for (std::size_t j = k + 1; j < count; ++j) value -= matrix[row][places[j]] * solution[places[j]];
    solution[row] = value / matrix[row][row];
  }
  return solution;
}

}  // namespace

CostFit::Terms CostFit::TermsOf(const CostModel& model) {
  return {model.fixed, model.quadratic, model.per_sequence, model.per_character};
}

CostModel CostFit::ModelOf(const Terms& terms) { return {terms[0], terms[1], terms[2], terms[3]}; }

void CostFit::Observe(std::uint32_t sequences, std::uint32_t longest, double seconds) {
  if (!(seconds > 0)) return;
  const double n = sequences;
  const double length = longest;
  const Sample sample{{1, length * length, n, n * length}, seconds};
  if (samples_.size() < kSamples) {
    samples_.push_back(sample);
  } else {
    samples_[next_] = sample;
    next_ = (next_ + 1) % kSamples;
  }
  if (++since_refit_ < (samples_.size() < kSamples ? kFirstRefits : kRefits)) return;
  since_refit_ = 0;
  Refit();
}

void CostFit::Refit() {
  std::vector<double> times;
  for (const Sample& sample : samples_) times.push_back(sample.seconds);
  scale_floor_ = kScaleFloorShare * Median(std::move(times));

  std::vector<double> weights(samples_.size(), 1);
  unsigned allowed = kAllTerms;
  Terms terms{};
  for (int round = 0; round < kRobustRounds; ++round) {
    terms = SolveNonNegative(Assemble(weights), allowed);
    std::vector<double> errors = RelativeErrors(terms);
    const double deviation = std::max(kNormalMedianToDeviation * Median(errors), 1e-6);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      const double limit = kHuberThreshold * deviation;
      weights[i] = errors[i] <= limit ? 1 : limit / errors[i];
    }
  }
  for (const std::size_t term : {kPerSequence, kPerCharacter}) {
    if (ShareOf(term, terms) < kLeastSeatShare) allowed &= ~(1U << term);
  }
  if (allowed != kAllTerms) terms = SolveNonNegative(Assemble(weights), allowed);
  // A backend that answers in no time at all leaves nothing to choose by: the configured model stays.
  const bool all_zero = std::all_of(terms.begin(), terms.end(), [](double term) { return term <= 0; });
  model_ = all_zero ? prior_ : ModelOf(terms);
}

CostFit::NormalEquations CostFit::Assemble(const std::vector<double>& weights) const {
  NormalEquations equations;
  for (std::size_t s = 0; s < samples_.size(); ++s) {
    const double scale = Scale(samples_[s]);
    const double weight = weights[s] / (scale * scale);
    const Terms& features = samples_[s].features;
    for (std::size_t i = 0; i < kTerms; ++i) {
      for (std::size_t j = 0; j < kTerms; ++j) equations.matrix[i][j] += weight * features[i] * features[j];
      equations.right[i] += weight * features[i] * samples_[s].seconds;
    }
  }
  const Terms prior = TermsOf(prior_);
  for (std::size_t i = 0; i < kTerms; ++i) {
    const double batches = prior[i] > 0 ? kPriorBatches : kPriorBatchesOfAbsentTerms;
    const double a_batch = equations.matrix[i][i] / static_cast<double>(samples_.size());
    equations.matrix[i][i] += batches * a_batch;
    equations.right[i] += batches * a_batch * prior[i];
  }
  return equations;
}

CostFit::Terms CostFit::SolveNonNegative(const NormalEquations& equations, unsigned allowed) {
  // Unknowns of like size, so that one threshold tells a singular system.
  Terms unit{};
  NormalEquations scaled = equations;
  for (std::size_t i = 0; i < kTerms; ++i) unit[i] = 1 / std::sqrt(std::max(equations.matrix[i][i], 1e-300));
  for (std::size_t i = 0; i < kTerms; ++i) {
    for (std::size_t j = 0; j < kTerms; ++j) scaled.matrix[i][j] *= unit[i] * unit[j];
    scaled.right[i] *= unit[i];
  }
  Terms best{};
  double best_gain = 0;
  for (unsigned chosen = 1; chosen <= kAllTerms; ++chosen) {
    if ((chosen & ~allowed) != 0) continue;
    const std::optional<Terms> solution = SolveFor(scaled.matrix, scaled.right, chosen);
    if (!solution || std::any_of(solution->begin(), solution->end(), [](double term) { return term < 0; })) continue;
    // By how much the solution lowers the sum of squares: its product with the right side.
    double gain = 0;
    for (std::size_t i = 0; i < kTerms; ++i) gain += (*solution)[i] * scaled.right[i];
    if (gain <= best_gain) continue;
    best_gain = gain;
    best = *solution;
  }
  for (std::size_t i = 0; i < kTerms; ++i) best[i] *= unit[i];
  return best;
}

std::vector<double> CostFit::RelativeErrors(const Terms& terms) const {
  std::vector<double> errors;
  errors.reserve(samples_.size());
  for (const Sample& sample : samples_) {
    double fitted = 0;
    for (std::size_t i = 0; i < kTerms; ++i) fitted += terms[i] * sample.features[i];
    errors.push_back(std::abs(sample.seconds - fitted) / Scale(sample));
  }
  return errors;
}

double CostFit::ShareOf(std::size_t term, const Terms& terms) const {
  double explained = 0;
  double observed = 0;
  for (const Sample& sample : samples_) {
    explained += terms[term] * sample.features[term];
    observed += sample.seconds;
  }
  return observed > 0 ? explained / observed : 0;
}

bool CostFit::KnowsLength(std::uint32_t length) const {
  constexpr double kGood = 0.25;
  if (samples_.size() < kSamples) return false;
  const double half_squared = 0.25 * length * length;
  const bool seen = std::any_of(samples_.begin(), samples_.end(),
                                [&](const Sample& sample) { return sample.features[1] >= half_squared; });
  return seen && ResidualRatio() < kGood;
}

double CostFit::ResidualRatio() const {
  if (samples_.empty()) return 0;
  const Terms terms = TermsOf(model_);
  double sum = 0;
  for (const Sample& sample : samples_) {
    double fitted = 0;
    for (std::size_t i = 0; i < kTerms; ++i) fitted += terms[i] * sample.features[i];
    sum += fitted > 0 ? std::abs(sample.seconds - fitted) / fitted : 0;
  }
  return sum / static_cast<double>(samples_.size());
}

}  // namespace smartbatch::scheduling
