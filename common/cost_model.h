// What a batch costs, in seconds of one slot of a backend.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch {

// The cost of n sequences, the longest of them L characters:
//
//     c(n, L) = (fixed^knee + work^knee)^(1/knee)
//     work    = quadratic L^2 + per_sequence n + per_character n L + per_character_squared n L^2
//
// With knee = 1 the two parts add up. With a larger knee the work hides behind the fixed part until it is about as
// large, as on a GPU that small batches do not fill: 3 is a smooth knee, 100 nearly the larger of the two.
//
// The cost never falls when n or L grows, and c(n, L) / n never grows with n. One definition serves everybody: the
// scheduling core, which learns the terms; the classifier and the simulator, which take that time; and the workloads,
// whose rates are scaled by it.
struct CostModel {
  double fixed = 0;                  // seconds
  double quadratic = 1e-6;           // seconds for each squared character of the longest sequence
  double per_sequence = 0;           // seconds for each sequence
  double per_character = 0;          // seconds for each sequence and character of the longest
  double per_character_squared = 0;  // seconds for each sequence and squared character of the longest
  double knee = 1;                   // 1 to kLargestKnee

  static constexpr double kLargestKnee = 100;
  static constexpr double kCubicKnee = 3;  // the usual one, whose root is quick

  double Seconds(std::size_t sequences, std::size_t longest) const {
    const double work = Work(sequences, longest);
    return knee == 1 ? fixed + work : Joined(work);
  }
  // c(n, L)^3, which orders batches as c does and needs no root. Requires a knee of kCubicKnee.
  double SecondsCubed(std::size_t sequences, std::size_t longest) const {
    const double work = Work(sequences, longest);
    return fixed * fixed * fixed + work * work * work;
  }
  // The cost of a sequence by itself.
  double Alone(std::size_t length) const { return Seconds(1, length); }
  // The least that one sequence of this length can cost: its part of a batch of `seats` sequences of this length.
  double Packed(std::size_t length, std::uint32_t seats) const { return Seconds(seats, length) / seats; }
  // Returns true if sequences that ride beside the longest one cost nothing.
  bool RidersAreFree() const { return per_sequence == 0 && per_character == 0 && per_character_squared == 0; }

  // INVALID_ARGUMENT, naming the term and its value, if a term is negative, infinite or not a number, or if the knee is
  // out of its range. Terms are named like the flags, after `prefix`: "--cost-" gives --cost-per-sequence.
  absl::Status Validate(std::string_view prefix = "--cost-") const;

  friend bool operator==(const CostModel&, const CostModel&) = default;

 private:
  double Work(std::size_t sequences, std::size_t longest) const {
    const auto n = static_cast<double>(sequences);
    const auto length = static_cast<double>(longest);
    return quadratic * length * length + n * (per_sequence + length * (per_character + length * per_character_squared));
  }
  double Joined(double work) const;
};

// A cost model with a name, measured on a real model.
struct CostProfile {
  std::string_view name;
  std::string_view description;
  CostModel cost;
};

// `seed`: the original's classifier, whose riders are free. `cpu`: MiniLM-L6 (OpenVINO, fp32) on one thread of a
// processor, 36 batches of 1 to 32 texts of 16 to 512 tokens, fitted to within 4.1 %: every rider costs as much as the
// longest. `gpu`: BERT-base (TensorRT, FP16) on an A100 by NVIDIA's published table (demo/BERT of TensorRT), 1 to 32
// texts of 128 and 384 tokens, fitted to 10 % at the median and 32 % at most: small batches cost the same whatever is
// in them. `cpu` and `gpu` were measured in tokens; here one character counts as one token.
inline constexpr std::size_t kCostProfiles = 3;
const std::array<CostProfile, kCostProfiles>& CostProfiles();

// INVALID_ARGUMENT, naming the value and all known names, if no profile has this name.
absl::StatusOr<CostModel> FindCostProfile(std::string_view name);
// "seed, cpu or gpu".
std::string CostProfileNames();

}  // namespace smartbatch
