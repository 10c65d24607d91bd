// Learning what a backend's batches cost from the batches it has served.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/proxy/scheduling/cost_model.h"

namespace smartbatch::scheduling {

// Fits c(n, L) = fixed + quadratic L^2 + per_sequence n + per_character n L to the last kSamples batches: least squares
// of the relative errors, no term negative (over so few terms every set of non-zero ones is tried), outliers weighed
// down by Huber's rule (Huber, "Robust Estimation of a Location Parameter", 1964), and drawn to the configured model
// where the batches cannot tell: weakly in the terms that it has, more strongly in those it has not, so that batches
// that are all alike do not grow terms out of nothing. Seats count as free where they explain less than kLeastSeatShare
// of the time.
//
// The model is fitted anew, in some microseconds, every kFirstRefits batches until the window is full, and then each
// time that half of it is new. Not thread safe.
class CostFit {
 public:
  static constexpr std::size_t kSamples = 64;
  static constexpr std::size_t kFirstRefits = 8;
  static constexpr std::size_t kRefits = kSamples / 2;
  static constexpr double kLeastSeatShare = 0.03;

  explicit CostFit(const CostModel& prior) : prior_(prior), model_(prior) {}

  // A batch of `sequences` sequences, the longest of `longest` characters, took that long; seconds > 0.
  void Observe(std::uint32_t sequences, std::uint32_t longest, double seconds);

  const CostModel& model() const { return model_; }
  // The model has been drawn from a full window of batches, tells their times to within a quarter in the mean, and saw
  // one at least half as long: what it says of this length is more than a belief. Linear in the window.
  bool KnowsLength(std::uint32_t length) const;
  // Mean of |observed - fitted| / fitted over the batches in the window; 0 where there is none.
  double ResidualRatio() const;

 private:
  static constexpr std::size_t kTerms = 4;
  using Terms = std::array<double, kTerms>;
  struct Sample {
    Terms features{};  // of the terms fixed, quadratic, per_sequence, per_character
    double seconds = 0;
  };
  struct NormalEquations {
    std::array<Terms, kTerms> matrix{};
    Terms right{};
  };

  static Terms TermsOf(const CostModel& model);
  static CostModel ModelOf(const Terms& terms);

  void Refit();
  NormalEquations Assemble(const std::vector<double>& weights) const;
  static Terms SolveNonNegative(const NormalEquations& equations, unsigned allowed);
  std::vector<double> RelativeErrors(const Terms& terms) const;
  double Scale(const Sample& sample) const { return sample.seconds + scale_floor_; }
  double ShareOf(std::size_t term, const Terms& terms) const;

  CostModel prior_;
  CostModel model_;
  std::vector<Sample> samples_;  // a ring once it is full
  std::size_t next_ = 0;
  std::size_t since_refit_ = 0;
  // Added to a batch's time where errors are made relative to it, so that the shortest batches do not rule.
  double scale_floor_ = 0;
};

}  // namespace smartbatch::scheduling
