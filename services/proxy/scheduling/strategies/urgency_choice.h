// The rule at the heart of `deadline`: which of the requests that can be in time go next.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/strategies/due_classes.h"
#include "services/proxy/scheduling/strategies/length_costs.h"

namespace smartbatch::scheduling {

// Chooses batches by urgency. Earliest deadline first serves whoever is nearest to being late, whatever that costs:
// under overload it spends the backend on the longest requests in their last moment, and everybody is late. Most
// requests are in time if those that cost least are served first, and nobody is served who could as well have waited.
//
// So an answer in time is worth the same for every request. How soon the request must be served is its urgency
//
//     u = exp(-laxity / (theta T)),   laxity = due - now - c(1, its longest waiting sequence)
//
// T is the time that all waiting sequences would take in full batches of equal lengths, over the slots: a request that
// has more time than the backlog takes to serve can wait without harm. A sequence has a share of its request's urgency,
// in proportion to its cost, since the request is in time only if its last sequence is. The batch is that with the
// greatest
//
//     I(S) = (sum of u over S / c(S)) * (sum of q over S / c(S))^eta,   q(l) = c(B, l) / B
//
// which is the urgency served per second, times the efficiency of density_choice.h; eta is as there: 0 if riders are
// free. For a longest length L and a number n, take the B most urgent sequences that are no longer than L. The batch is
// the n most urgent of these that are in time if a batch of (n, L) starts now, so that company makes nobody late. I as
// a function of n may have several peaks (one for each group of similar lengths), so every n is tried that could beat
// the best so far. The bounds: as the efficiency is at most 1, I is at most the urgency of all over c(n, L); as u is at
// most 1, I is at most 1 / q(L).
//
// Candidates are the sequences of each class of length that are due first: as many as a batch has seats or, if riders
// cost something, twice the last batch within kFewestOfAClass and kMostOfAClass. So the cost of a choice does not grow
// with the queue.
//
// Keeps scratch memory between calls. Thread safety: none.
class UrgencyChoice {
 public:
  struct Options {
    double urgency = 0.5;            // theta
    double efficiency_exponent = 1;  // eta if no length is paid once for all riders
  };
  // What a choice has to know besides the candidates.
  struct Surroundings {
    Time now{};
    CostModel cost;
    std::uint32_t seats = 1;  // B
    std::uint32_t slots = 1;
    std::uint32_t mean_length = 1;  // of the sequences that arrive
    std::uint32_t last_batch = 1;   // the number of sequences in it
  };
  explicit UrgencyChoice(const Options& options) : options_(options) {}

  // The members of the best batch, most urgent first; empty if nothing can be in time. Valid until the next call.
  const std::vector<PendingSequence*>& Choose(const DueClasses& waiting, const Surroundings& surroundings);

 private:
  static constexpr std::uint32_t kFewestOfAClass = 8;
  static constexpr std::uint32_t kMostOfAClass = 16;
  static constexpr std::size_t kNowhere = SIZE_MAX;

  struct Candidate {
    PendingSequence* sequence = nullptr;
    std::uint32_t length = 0;
    double urgency = 0;
    double seconds_left = 0;   // until it is due
    double least_seconds = 0;  // q
  };
  // A batch in the making: the most urgent that are in time with it.
  struct Draft {
    std::size_t seen = 0;  // how many of the most urgent were looked at
    std::size_t members = 0;
    double urgency = 0;
    double least_seconds = 0;
    double seconds_left = HUGE_VAL;  // of the member that is due first
    void Offer(const Candidate& candidate, double seconds);
  };

  double Backlog(const DueClasses& waiting) const;
  void ConsiderFirstOf(const DueClasses::Class& each, std::uint32_t most, double horizon);
  double ShareOf(const Candidate& candidate, const PendingRequest& request) const;
  std::size_t AddToMostUrgent(const Candidate& candidate);
  void TryLength(std::uint32_t length, std::size_t first_new);

  const Options options_;
  Surroundings around_;
  double efficiency_exponent_ = 0;  // eta
  LengthCosts of_length_;

  std::vector<Candidate> of_class_;     // in ascending length
  std::vector<Candidate> most_urgent_;  // at most one for each seat, the most urgent first
  double urgency_of_all_ = 0;           // of those
  double best_index_ = 0;
  std::vector<PendingSequence*> best_;
};

}  // namespace smartbatch::scheduling
