#include "common/random.h"

#include <bit>
#include <cmath>
#include <numbers>

namespace smartbatch {
namespace {

std::uint64_t SplitMix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15ULL;
  std::uint64_t mixed = state;
  mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace

Random::Random(std::uint64_t seed) {
  for (std::uint64_t& word : state_) word = SplitMix(seed);
}

Random Random::Stream(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t state = seed;
  const std::uint64_t base = SplitMix(state);
  state = base ^ (index * 0xD1342543DE82EF95ULL);
  return Random(SplitMix(state));
}

std::uint64_t Random::Bits() {
  const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return result;
}

double Random::Uniform() { return static_cast<double>(Bits() >> 11) * 0x1.0p-53; }

std::int64_t Random::Between(std::int64_t low, std::int64_t high) {
  const double span = static_cast<double>(high - low) + 1.0;
  const auto offset = static_cast<std::int64_t>(Uniform() * span);
  return low + offset;
}

bool Random::Chance(double probability) { return Uniform() < probability; }

double Random::Exponential(double mean) { return -mean * std::log1p(-Uniform()); }

double Random::Normal() {
  const double radius = std::sqrt(-2.0 * std::log1p(-Uniform()));
  return radius * std::cos(2.0 * std::numbers::pi * Uniform());
}

double Random::Lognormal(double median, double sigma) { return median * std::exp(sigma * Normal()); }

double Random::Gamma(double shape, double mean) {
  const double scale = mean / shape;
  if (shape < 1.0) {
    const double boosted = Gamma(shape + 1.0, shape + 1.0);
    return boosted * std::pow(1.0 - Uniform(), 1.0 / shape) * scale;
  }
  const double d = shape - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double normal = Normal();
    const double cube_root = 1.0 + c * normal;
    if (cube_root <= 0.0) continue;
    const double cube = cube_root * cube_root * cube_root;
    if (std::log1p(-Uniform()) < 0.5 * normal * normal + d - d * cube + d * std::log(cube)) return d * cube * scale;
  }
}

}  // namespace smartbatch
