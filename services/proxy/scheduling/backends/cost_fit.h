// Learning what a backend's batches cost from the batches it has served.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "services/proxy/scheduling/model/cost_model.h"

namespace smartbatch::scheduling {

// Fits the terms of CostModel to the last kSamples batches: least squares of the relative errors, no term negative
// (over so few terms every set of non-zero ones is tried), outliers weighed down by Huber's rule (Huber, "Robust
// Estimation of a Location Parameter", 1964). A knee is fitted by Gauss and Newton's method, which needs no more than
// that: since c(t x) = t c(x) in all terms together, the cost linearized at the terms found last is the sum of the same
// features, those of the fixed part scaled by (fixed / c)^(knee - 1) and the others by (work / c)^(knee - 1).
//
// What the batches cannot tell is taken from a prior, which itself is taken from the batches: the configured model or,
// where one of the measured profiles tells the times clearly better, that one; with the scale that the batches have.
// So batches that are all alike grow no terms out of nothing, and a backend that was configured to let riders go free
// is not held to do so once batches of different sizes say otherwise. The prior's own form stays, its terms and its
// knee, unless another knee, or all terms, tell the times clearly better; and riders stay free where the prior says so
// unless seats explain kLeastSeatShare of the time.
//
// From kFirstSamples batches on the model is the prior, from kFirstRefits on it is fitted, anew every kFirstRefits
// batches until the window is full and then each time that half of it is new, in some tens of microseconds. Not thread
// safe.
class CostFit {
 public:
  static constexpr std::size_t kSamples = 64;
  static constexpr std::size_t kFirstSamples = 4;
  static constexpr std::size_t kFirstRefits = 8;
  static constexpr std::size_t kRefits = kSamples / 2;
  static constexpr double kLeastSeatShare = 0.03;

  explicit CostFit(const CostModel& configured) : configured_(configured), prior_(configured), model_(configured) {}

  // A batch of `sequences` sequences, the longest of `longest` characters, took that long; seconds > 0.
  void Observe(std::uint32_t sequences, std::uint32_t longest, double seconds);

  const CostModel& model() const { return model_; }
  // The model has been drawn from a full window of batches, tells their times to within a quarter in the mean, and saw
  // one at least half as long: what it says of this length is more than a belief. Linear in the window.
  bool KnowsLength(std::uint32_t length) const;
  // Mean of |observed - fitted| / fitted over the batches in the window; 0 where there is none.
  double ResidualRatio() const;
  // Median of |observed - predicted| / observed over the batches in the window, each as it was predicted before it ran:
  // how sure the model is of what comes next. 0 where there is none.
  double PredictionErrorRatio() const;
  // The batches in the window.
  std::size_t batches() const { return samples_.size(); }

 private:
  static constexpr std::size_t kTerms = 5;
  using Terms = std::array<double, kTerms>;
  struct Sample {
    Terms features{};  // of the terms as they stand in CostModel
    std::uint32_t sequences = 0;
    std::uint32_t longest = 0;
    double seconds = 0;
    double predicted = 0;
  };
  struct NormalEquations {
    std::array<Terms, kTerms> matrix{};
    Terms right{};
  };
  struct Fitted {
    CostModel model;
    double error = 0;  // mean of the relative errors
  };

  static Terms TermsOf(const CostModel& model);
  static CostModel ModelOf(const Terms& terms, double knee);
  static unsigned TermsIn(const CostModel& model);

  void Refit();
  // The model, times what makes its median relative error 0; and the mean error that is left.
  Fitted Scaled(const CostModel& shape) const;
  CostModel PriorOfTheBatches() const;
  Fitted Fit(double knee, unsigned allowed) const;
  static Terms FeaturesAt(const Sample& sample, const CostModel& at);
  NormalEquations Assemble(const CostModel& at, const std::vector<double>& weights) const;
  static Terms SolveNonNegative(const NormalEquations& equations, unsigned allowed);
  std::vector<double> RelativeErrors(const CostModel& model) const;
  double Scale(const Sample& sample) const { return sample.seconds + scale_floor_; }
  // The share of the time in the window that the model puts down to seats.
  double SeatShare(const CostModel& model) const;

  CostModel configured_;
  CostModel prior_;
  CostModel model_;
  std::vector<Sample> samples_;  // a ring once it is full
  std::size_t next_ = 0;
  std::size_t since_refit_ = 0;
  // Added to a batch's time where errors are made relative to it, so that the shortest batches do not rule.
  double scale_floor_ = 0;
};

}  // namespace smartbatch::scheduling
