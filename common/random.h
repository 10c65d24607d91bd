// Seeded random numbers whose values depend on the seed alone: the distributions of <random> may
// differ between standard libraries, so they are written out here (inverse transform, Box-Muller,
// Marsaglia-Tsang).
#pragma once

#include <cstdint>

namespace smartbatch {

// A xoshiro256** generator (Blackman and Vigna, 2018), seeded through splitmix64.
// Copyable; not thread safe.
class Random {
 public:
  explicit Random(std::uint64_t seed);

  // A generator whose stream is independent of this one's and of those with other indexes.
  static Random Stream(std::uint64_t seed, std::uint64_t index);

  // Uniform over all 64-bit values.
  std::uint64_t Bits();
  // Uniform in [0, 1).
  double Uniform();
  // Uniform in [low, high], both ends included; low <= high.
  std::int64_t Between(std::int64_t low, std::int64_t high);
  // True with the given probability.
  bool Chance(double probability);
  // Exponential with the given mean.
  double Exponential(double mean);
  // Normal with mean 0 and standard deviation 1.
  double Normal();
  // Lognormal: median * exp(sigma * Normal()).
  double Lognormal(double median, double sigma);
  // Gamma with the given shape > 0 and mean.
  double Gamma(double shape, double mean);

 private:
  std::uint64_t state_[4];
};

}  // namespace smartbatch
