// The cost fit against known truths and measured curves.
#include "services/proxy/scheduling/backends/cost_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "common/random.h"
#include "tests/proxy/scheduling/backends/measured_costs.h"

namespace smartbatch::scheduling {
namespace {

using Draw = std::function<MeasuredBatch(Random&)>;

// A batch of 1 to 16 sequences, the longest from 10 to 2,000 characters; short ones are as likely as long ones.
MeasuredBatch AnyBatch(const CostModel& truth, Random& random) {
  const auto n = static_cast<std::uint32_t>(random.Between(1, 16));
  const auto longest = static_cast<std::uint32_t>(std::clamp(random.Lognormal(150, 1), 10.0, 2000.0));
  return {n, longest, 1e3 * truth.Seconds(n, longest)};
}
Draw From(const CostModel& truth) {
  return [truth](Random& random) { return AnyBatch(truth, random); };
}
// The part of a measured curve that the fit sees: NVIDIA's table goes up to 128 sequences, far beyond any batch here.
Draw From(const MeasuredCurve& curve) {
  return [&curve](Random& random) {
    constexpr std::uint32_t kMost = 32;
    for (;;) {
      const auto place = random.Between(0, static_cast<std::int64_t>(curve.batches.size()) - 1);
      const MeasuredBatch& batch = curve.batches[static_cast<std::size_t>(place)];
      if (batch.sequences <= kMost) return batch;
    }
  };
}

void Feed(CostFit& fit, const Draw& draw, int batches, double noise, Random& random) {
  for (int i = 0; i < batches; ++i) {
    const MeasuredBatch batch = draw(random);
    fit.Observe(batch.sequences, batch.longest, batch.milliseconds / 1e3 * std::exp(noise * random.Normal()));
  }
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// The median of |predicted / true - 1| over the next 64 batches, after 64.
double MedianErrorOfTheNext(const CostModel& configured, const Draw& draw, double noise, std::uint64_t seed) {
  Random random(seed);
  CostFit fit(configured);
  Feed(fit, draw, 64, noise, random);
  std::vector<double> errors;
  for (int i = 0; i < 64; ++i) {
    const MeasuredBatch batch = draw(random);
    errors.push_back(std::abs(1e3 * fit.model().Seconds(batch.sequences, batch.longest) / batch.milliseconds - 1));
  }
  return Median(errors);
}

struct Truth {
  const char* name;
  CostModel cost;
};
const std::vector<Truth>& Truths() {
  static const std::vector<Truth> truths = {
      {"the original", {}},
      {"a fixed part and squares", {.fixed = 5e-3}},
      {"seats", {.fixed = 2e-3, .quadratic = 2e-7, .per_sequence = 1e-3, .per_character = 1e-5}},
      {"a processor", *FindCostProfile("cpu")},
      {"a processor, seats alone", {.fixed = 0.01, .quadratic = 0, .per_sequence = 4e-3}},
      {"a GPU", *FindCostProfile("gpu")},
      {"a GPU without a knee",
       {.fixed = 5e-3, .quadratic = 0, .per_character = 1.1e-6, .per_character_squared = 2.4e-10}},
      {"a GPU with a sharp knee",
       {.fixed = 5e-3, .quadratic = 0, .per_character = 1.1e-6, .per_character_squared = 2.4e-10, .knee = 100}},
  };
  return truths;
}

TEST(CostFit, FindsEveryFormOfTruthWhateverItIsToldFirst) {
  for (const Truth& truth : Truths()) {
    for (const CostProfile& told : CostProfiles()) {
      for (const double noise : {0.0, 0.05, 0.15}) {
        for (std::uint64_t seed = 1; seed <= 5; ++seed) {
          // The noise that the samples do not average out and, for the sharp knee, what no smooth knee can follow.
          EXPECT_LE(MedianErrorOfTheNext(told.cost, From(truth.cost), noise, seed), 0.02 + 0.75 * noise)
              << truth.name << " told " << told.name << " noise " << noise << " seed " << seed;
        }
      }
    }
  }
}

TEST(CostFit, PredictsTheNextBatchesOfMeasuredModelsToWithinATenth) {
  for (const MeasuredCurve& curve : MeasuredCurves()) {
    for (const CostProfile& told : CostProfiles()) {
      for (const double noise : {0.0, 0.05}) {
        std::vector<double> medians;
        for (std::uint64_t seed = 1; seed <= 9; ++seed) {
          medians.push_back(MedianErrorOfTheNext(told.cost, From(curve), noise, seed));
          EXPECT_LE(medians.back(), 0.10) << curve.name << " told " << told.name << " noise " << noise;
        }
        EXPECT_LE(Median(medians), 0.06) << curve.name << " told " << told.name << " noise " << noise;
      }
    }
  }
}

// Batches of several texts do not show what one text alone costs. With the configured model's quadratic term, which
// the truth does not have, a long text alone would be predicted several times too expensive.
TEST(CostFit, DoesNotKeepAFalseQuadraticForLongTextsAlone) {
  for (const MeasuredCurve& curve : MeasuredCurves()) {
    if (curve.name.rfind("MiniLM", 0) != 0) continue;
    const MeasuredBatch* longest_alone = nullptr;
    for (const MeasuredBatch& batch : curve.batches) {
      if (batch.sequences == 1 && (longest_alone == nullptr || batch.longest > longest_alone->longest)) {
        longest_alone = &batch;
      }
    }
    const Draw several = [draw = From(curve)](Random& random) {
      for (;;) {
        const MeasuredBatch batch = draw(random);
        if (batch.sequences > 1) return batch;
      }
    };
    std::vector<double> ratios;
    for (std::uint64_t seed = 1; seed <= 9; ++seed) {
      Random random(seed);
      CostFit fit(CostModel{});
      Feed(fit, several, 64, 0.05, random);
      ratios.push_back(1e3 * fit.model().Alone(longest_alone->longest) / longest_alone->milliseconds);
      EXPECT_GE(ratios.back(), 0.8) << curve.name;
      EXPECT_LE(ratios.back(), 1.4) << curve.name;
    }
    EXPECT_LE(Median(ratios), 1.25) << curve.name;
  }
}

TEST(CostFit, LetsRidersGoFreeIfNoiseAloneSaysOtherwise) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    CostFit fit(CostModel{});
    Feed(fit, From(CostModel{}), 256, 0.1, random);
    EXPECT_TRUE(fit.model().RidersAreFree()) << "seed " << seed;
  }
}

TEST(CostFit, TakesScaleAndShapeFromTheFirstBatches) {
  Random random(1);
  const CostModel truth = *FindCostProfile("cpu");
  CostFit fit(CostModel{});
  Feed(fit, From(truth), static_cast<int>(CostFit::kFirstSamples), 0, random);
  EXPECT_FALSE(fit.model().RidersAreFree());
  for (int i = 0; i < 16; ++i) {
    const MeasuredBatch batch = AnyBatch(truth, random);
    EXPECT_NEAR(1e3 * fit.model().Seconds(batch.sequences, batch.longest) / batch.milliseconds, 1, 0.05);
  }
}

TEST(CostFit, KeepsWhatItWasToldIfTheBatchesCannotTell) {
  // All batches are the same: any form fits.
  for (const CostProfile& told : CostProfiles()) {
    CostFit fit(told.cost);
    for (int i = 0; i < 100; ++i) fit.Observe(4, 300, 2 * told.cost.Seconds(4, 300));
    for (const std::uint32_t n : {1U, 4U, 16U}) {
      for (const std::uint32_t length : {30U, 300U, 3000U}) {
        const double expected = 2 * told.cost.Seconds(n, length);
        EXPECT_NEAR(fit.model().Seconds(n, length), expected, 1e-6 * expected) << told.name;
      }
    }
  }
}

TEST(CostFit, FollowsABackendThatChanges) {
  Random random(1);
  CostFit fit(CostModel{});
  Feed(fit, From(*FindCostProfile("gpu")), 100, 0.05, random);
  CostModel slower = *FindCostProfile("cpu");
  slower.fixed *= 3;
  Feed(fit, From(slower), 128, 0.05, random);
  EXPECT_NEAR(fit.model().Seconds(8, 500) / slower.Seconds(8, 500), 1, 0.1);
}

TEST(CostFit, IsNotLedAstrayByAFewBatchesThatHang) {
  Random random(1);
  const CostModel truth = *FindCostProfile("cpu");
  CostFit fit(truth);
  for (int i = 0; i < 64; ++i) {
    const MeasuredBatch batch = AnyBatch(truth, random);
    fit.Observe(batch.sequences, batch.longest, batch.milliseconds / 1e3 * (i % 10 == 0 ? 10 : 1));
  }
  EXPECT_NEAR(fit.model().Seconds(8, 500) / truth.Seconds(8, 500), 1, 0.1);
}

TEST(CostFit, SaysHowSureItIs) {
  Random random(1);
  const CostModel truth = *FindCostProfile("gpu");
  CostFit fit(CostModel{});
  EXPECT_EQ(fit.batches(), 0U);
  EXPECT_EQ(fit.PredictionErrorRatio(), 0);
  Feed(fit, From(truth), 3, 0, random);
  EXPECT_EQ(fit.batches(), 3U);
  EXPECT_GT(fit.PredictionErrorRatio(), 0.5);  // as configured, and wrong
  Feed(fit, From(truth), 128, 0.1, random);
  EXPECT_EQ(fit.batches(), CostFit::kSamples);
  // The noise: the median of |x| is 0.67 of the deviation.
  EXPECT_NEAR(fit.PredictionErrorRatio(), 0.067, 0.03);
  EXPECT_NEAR(fit.ResidualRatio(), 0.08, 0.03);
}

// --- Against a plain solver ---

constexpr std::size_t kTerms = 5;
using Terms = std::array<double, kTerms>;

Terms FeaturesOf(const MeasuredBatch& batch) {
  const double n = batch.sequences;
  const double length = batch.longest;
  return {1, length * length, n, n * length, n * length * length};
}

// The sum of squared relative errors.
double Loss(const std::vector<MeasuredBatch>& batches, const Terms& terms) {
  double loss = 0;
  for (const MeasuredBatch& batch : batches) {
    const Terms features = FeaturesOf(batch);
    double fitted = 0;
    for (std::size_t i = 0; i < kTerms; ++i) fitted += terms[i] * features[i];
    loss += std::pow(1e3 * fitted / batch.milliseconds - 1, 2);
  }
  return loss;
}

// Non-negative least squares by cyclic coordinate descent on the normal equations: slow, but only a few lines.
Terms PlainLeastSquares(const std::vector<MeasuredBatch>& batches) {
  std::array<Terms, kTerms> matrix{};
  Terms right{};
  for (const MeasuredBatch& batch : batches) {
    const Terms features = FeaturesOf(batch);
    const double observed = batch.milliseconds / 1e3;
    for (std::size_t i = 0; i < kTerms; ++i) {
      for (std::size_t j = 0; j < kTerms; ++j) matrix[i][j] += features[i] * features[j] / (observed * observed);
      right[i] += features[i] / observed;
    }
  }
  Terms terms{};
  for (int round = 0; round < 200'000; ++round) {
    for (std::size_t i = 0; i < kTerms; ++i) {
      double rest = right[i];
      for (std::size_t j = 0; j < kTerms; ++j) {
        if (j != i) rest -= matrix[i][j] * terms[j];
      }
      terms[i] = std::max(0.0, rest / matrix[i][i]);
    }
  }
  return terms;
}

TEST(CostFit, ComesNearTheLeastSquaresOfAPlainSolver) {
  const CostModel truth{
      .fixed = 8e-3, .quadratic = 1.5e-7, .per_sequence = 2e-3, .per_character = 1e-5, .per_character_squared = 4e-8};
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    Random random(seed);
    CostFit fit(CostModel{});
    std::vector<MeasuredBatch> batches;
    for (std::size_t i = 0; i < CostFit::kSamples; ++i) {
      MeasuredBatch batch = AnyBatch(truth, random);
      batch.milliseconds *= std::exp(0.05 * random.Normal());
      batches.push_back(batch);
      fit.Observe(batch.sequences, batch.longest, batch.milliseconds / 1e3);
    }
    const CostModel& model = fit.model();
    EXPECT_EQ(model.knee, 1);
    const double found = Loss(
        batches, {model.fixed, model.quadratic, model.per_sequence, model.per_character, model.per_character_squared});
    // The fit gives outliers and the shortest batches less weight, and is drawn to a prior a little.
    const double least = Loss(batches, PlainLeastSquares(batches));
    EXPECT_GE(found, 0.999 * least);
    EXPECT_LE(found, 1.25 * least) << "seed " << seed;
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
