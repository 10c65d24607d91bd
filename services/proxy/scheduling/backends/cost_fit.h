// Learns what a backend's batches cost from the batches that it has served.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/cost_model.h"
#include "services/proxy/scheduling/backends/least_squares.h"

namespace smartbatch::scheduling {

// Fits the terms of CostModel to the last kSamples batches: least squares of the relative errors, no term negative
// (SolveNonNegative), with less weight for outliers by Huber's rule (Huber, "Robust Estimation of a Location
// Parameter", 1964). A knee is fitted by the Gauss-Newton method, which needs only the same solver: since
// c(t x) = t c(x) in all terms together, the cost linearized at the last terms is the sum of the same features, those
// of the fixed part scaled by (fixed / c)^(knee - 1) and the others by (work / c)^(knee - 1).
//
// What the batches do not determine comes from a prior, which is itself chosen by the batches: the configured model or,
// if one of the measured profiles predicts the times clearly better, that profile, scaled to the batches. So batches
// that are all the same do not create new terms, and a backend that was configured with free riders is no longer
// believed to have them once batches of different sizes show otherwise. The prior's own form stays, its terms and its
// knee, unless another knee, or all terms, predict the times clearly better; and if riders are free in the prior they
// stay free unless seats explain kLeastSeatShare of the time.
//
// From kFirstSamples batches on the model is the prior. From kFirstRefits on it is fitted: anew every kFirstRefits
// batches until the window is full, and then each time that half of it is new, in about 20 microseconds. Not thread
// safe.
class CostFit {
 public:
  static constexpr std::size_t kSamples = 64;
  static constexpr std::size_t kFirstSamples = 4;
  static constexpr std::size_t kFirstRefits = 8;
  static constexpr std::size_t kRefits = kSamples / 2;
  static constexpr double kLeastSeatShare = 0.03;

  explicit CostFit(const CostModel& configured) : configured_(configured), prior_(configured), model_(configured) {}

  // A batch of `sequences` sequences, the longest of `longest` characters, took `seconds`, which must be above 0.
  void Observe(std::uint32_t sequences, std::uint32_t longest, double seconds);

  const CostModel& model() const { return model_; }
  // The cost that it was configured with.
  const CostModel& configured() const { return configured_; }
  // Returns true if the model's cost of this length is more than a belief: the window of batches is full, the model
  // predicts their times to within a quarter in the mean, and has seen a batch at least half as long. Linear in the
  // window.
  bool KnowsLength(std::uint32_t length) const;
  // Mean of |observed - fitted| / fitted over the batches in the window; 0 if there is none.
  double ResidualRatio() const;
  // Median of |observed - predicted| / observed over the batches in the window, each as it was predicted before it ran:
  // how well the model predicts the next batches. 0 if there is none.
  double PredictionErrorRatio() const;
  // The batches in the window.
  std::size_t batches() const { return samples_.size(); }

 private:
  struct Sample {
    std::uint32_t sequences = 0;
    std::uint32_t longest = 0;
    double predicted = 0;  // seconds, by the model before the batch ran
    double fitted = 0;     // seconds, by the model of now
  };
  // A value for each sample, and such values for each term: what a fit adds up over the samples lies side by side.
  using Values = std::array<double, kSamples>;
  using Columns = std::array<Values, kCostTerms>;
  struct Fitted {
    CostModel model;
    double error = 0;  // mean of the relative errors
  };

  void Refit();
  // Scales the model so that its median relative error is 0; returns it with the remaining mean error.
  Fitted Scaled(const CostModel& shape) const;
  CostModel PriorOfTheBatches() const;
  Fitted Fit(double knee, unsigned allowed) const;
  Values SecondsBy(const CostModel& model) const;
  Columns LinearizedAt(const CostModel& at, const Values& fitted) const;
  NormalEquations Assemble(const Columns& features, const Values& weights, unsigned allowed) const;
  void SetScales();
  // The share of the time in the window that the model attributes to seats.
  double SeatShare(const CostModel& model) const;

  CostModel configured_;
  CostModel prior_;
  CostModel model_;
  std::vector<Sample> samples_;  // a ring once it is full
  Columns features_{};
  Values seconds_{};  // that each took
  Values scales_{};   // what an error in seconds is divided by, so that batches of any size count alike
  std::size_t next_ = 0;
  std::size_t since_refit_ = 0;
};

}  // namespace smartbatch::scheduling
