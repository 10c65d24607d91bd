// What sequences of one length cost, remembered if that is expensive to compute.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/cost_model.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// A cost to divide by: a backend whose batches are believed to take no time still takes some.
inline constexpr double kLeastSeconds = 1e-9;

// The part of a sequence's cost that is paid once, however many of its length share it (beta): 1 if riders are free.
inline double PaidOnce(const CostModel& cost, std::uint32_t length) {
  const double squared = static_cast<double>(length) * length;
  return std::min(cost.quadratic * squared / std::max(cost.Alone(length), kLeastSeconds), 1.0);
}

// Costs by length. Without a knee they are polynomials of the length. With a knee a cost needs a root,
// and the same lengths are asked for again and again, so that there is a table. Thread safety: none.
class LengthCosts {
 public:
  // A decision starts: batches have this cost and this number of seats. Costs that are the same to within kSame, at
  // usual lengths and at the longest that was asked for since they last changed, are taken for the same: those of
  // backends of one kind, and of one backend before and after its latest batches.
  void Start(const CostModel& cost, std::uint32_t seats) {
    if (seats == seats_ && IsAboutTheSame(cost)) return;
    cost_ = cost;
    seats_ = seats;
    longest_ = kLongestUsual;
    ++version_;
    if (cost.knee != 1) return known_.assign(kKnown, {});
    alone_ = SharedBy(1);
    least_ = SharedBy(seats);
  }
  // Counts the costs that were not the same, from 1 on: what was computed from one holds for as long as it stays.
  std::uint32_t version() const { return version_; }

  // Of a sequence by itself, in seconds.
  double Alone(std::uint32_t length) const { return cost_.knee != 1 ? Known(length).alone : alone_.At(length); }
  // The least that a sequence can cost: its part of a full batch of its length, q(l) = c(B, l) / B. Above 0.
  double LeastSeconds(std::uint32_t length) const {
    longest_ = std::max(longest_, length);
    return cost_.knee != 1 ? Known(length).least_seconds : std::max(least_.At(length), kLeastSeconds);
  }
  // The same for all sequences of the request that a strategy may choose, together. Linear in its sequences.
  double LeastSecondsLeft(const PendingRequest& request) const {
    double seconds = 0;
    for (const PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) seconds += LeastSeconds(sequence.length);
    }
    return seconds;
  }

 private:
  static constexpr double kSame = 0.03;
  static constexpr std::uint32_t kLongestUsual = 1024;
  bool IsAboutTheSame(const CostModel& cost) const {
    if (cost == cost_) return true;
    for (const std::uint32_t length : {16U, 128U, kLongestUsual, longest_}) {
      for (const std::uint32_t sequences : {1U, seats_}) {
        const double before = cost_.Seconds(sequences, length);
        if (std::abs(cost.Seconds(sequences, length) - before) > kSame * before) return false;
      }
    }
    return true;
  }

  struct Polynomial {
    double constant = 0;
    double linear = 0;
    double squared = 0;
    double At(double length) const { return constant + length * (linear + length * squared); }
  };
  // What a sequence costs in a batch of `sequences` of its length.
  Polynomial SharedBy(double sequences) const {
    return {cost_.fixed / sequences + cost_.per_sequence, cost_.per_character,
            cost_.quadratic / sequences + cost_.per_character_squared};
  }

  struct OfLength {
    std::uint32_t length = 0;
    double alone = 0;
    double least_seconds = 0;
  };
  const OfLength& Known(std::uint32_t length) const {
    OfLength& known = known_[length % kKnown];
    if (known.length != length) {
      known = {length, cost_.Alone(length), std::max(cost_.Packed(length, seats_), kLeastSeconds)};
    }
    return known;
  }

  static constexpr std::size_t kKnown = 1024;
  mutable std::vector<OfLength> known_;  // with this cost and these seats
  mutable std::uint32_t longest_ = kLongestUsual;
  CostModel cost_;
  std::uint32_t seats_ = 0;
  Polynomial alone_;
  Polynomial least_;
  std::uint32_t version_ = 0;
};

}  // namespace smartbatch::scheduling
