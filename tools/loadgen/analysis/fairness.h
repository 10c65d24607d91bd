// How evenly something is shared out.
#pragma once

#include <optional>
#include <vector>

namespace smartbatch::loadgen {

// (sum x)^2 / (n * sum x^2), from 1/n (one has all) to 1 (all have the same): Jain, Chiu and Hawe, "A quantitative
// measure of fairness and discrimination for resource allocation in shared computer systems" (1984). Nothing where
// there is no value or all of them are 0; values must not be negative.
std::optional<double> JainIndex(const std::vector<double>& values);

}  // namespace smartbatch::loadgen
