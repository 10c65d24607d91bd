// The rule at the heart of `density`: what a batch should be for.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "common/time.h"
#include "services/proxy/scheduling/cost_model.h"
#include "services/proxy/scheduling/request.h"
#include "services/proxy/scheduling/selection.h"

namespace smartbatch::scheduling {

// Smith's rule for one machine (W. E. Smith, "Various optimizers for single-stage production", 1956) orders jobs
// by weight over processing time. On a machine that works on B jobs at once for as long as the longest of them takes
// (a batch processing machine: Brucker et al., "Scheduling a batching machine", 1998) a batch takes the place of
// the job: its density is the weight it serves over the time it takes. For a given longest length L the best
// batch is the B heaviest of what is no longer than L, so it is enough to try each length in turn:
//
//     L* = argmax over L of (sum of the B largest weights with length <= L) / c(n, L)
//
// The weight of a request grows with its age, w_r = tier_weight * (now - arrival + c(L0))^p, L0 its longest
// length at arrival: p = 0 is Smith's rule for the mean, a larger p gives up some of the mean for the tail. When
// requests are split, a sequence weighs its part of what is left to do: w_s = w_r * c(len_s) / sum of c over the
// waiting sequences of r. Where seats cost something, the number n of the heaviest is chosen along with L.
//
// Keeps scratch memory between calls. Not thread safe.
class DensityChoice {
 public:
  struct Options {
    bool split = true;
    double age_exponent = 0.5;  // p
    double tier_ratio = 1;      // a request of tier t weighs tier_ratio^-t
  };
  explicit DensityChoice(const Options& options) : options_(options) {}

  // Starts a choice over the candidates that follow. `occasion_cost` and `now` hold for the whole choice.
  void Start(Time now, const CostModel& cost);

  // Takes the best batch of the candidates' sequences (split) or of whole candidates (not split) into the
  // selection, which must be empty. Each candidate waits, stands once in the list, and there is at least one.
  void Choose(std::span<PendingRequest* const> candidates, Selection& selection);
  // The same for candidates whose waiting sequences all fit: whole requests, never split.
  void ChooseUncontended(std::span<PendingRequest* const> candidates, Selection& selection);

  // Whether a sequence that is no longer than the batch is worth the seat it costs: the seat adds no more than the
  // sequence would cost by itself later, or its weight over what the seat adds is not below the density of the batch.
  // Always true where riders are free.
  bool Pays(const PendingSequence& sequence, const Selection& selection) const;

  double WeightOf(const PendingRequest& request) const;
  // The weight of the request over what its waiting sequences cost in a batch of their own.
  double DensityOf(const PendingRequest& request) const;

 private:
  // Small, since it is sorted, by one comparison: length in the upper half of the key, in the lower half the place in
  // sequences_.
  struct Seat {
    std::uint64_t key = 0;
    double weight = 0;
    std::uint32_t length() const { return static_cast<std::uint32_t>(key >> 32); }
    std::uint32_t place() const { return static_cast<std::uint32_t>(key); }
  };
  struct Best {
    double density = 0;
    std::uint32_t length = 0;
    std::size_t seats = 0;
  };

  void ChooseSequences(std::span<PendingRequest* const> candidates, Selection& selection);
  void ChooseRequests(std::span<PendingRequest* const> candidates, Selection& selection);
  void ListSeats(std::span<PendingRequest* const> candidates);
  void Weigh(std::uint32_t length, Best& best) const;
  void AddToHeaviest(double weight, std::size_t capacity);
  void TakeHeaviest(std::size_t count, Selection& selection);
  void SortByLength(std::span<PendingRequest* const> candidates);

  const Options options_;
  Time now_{};
  CostModel cost_;
  double density_ = 0;

  std::vector<Seat> seats_;
  std::vector<PendingSequence*> sequences_;
  std::vector<double> heaviest_;  // at most one for each seat of the batch; ascending where that matters
  double heaviest_sum_ = 0;
  double heaviest_seat_ = 0;
  std::vector<PendingRequest*> by_length_;
  std::vector<double> best_weight_;  // of the knapsack, by capacity
  std::vector<bool> taken_;
};

}  // namespace smartbatch::scheduling
