// The rule at the heart of `deadline`: which of what can be in time goes next.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/time.h"
#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/strategies/due_classes.h"
#include "services/proxy/scheduling/strategies/length_costs.h"

namespace smartbatch::scheduling {

// What earliest deadline first gets wrong: it serves whoever is nearest to being late, whatever that costs. Under
// overload it spends the machine on the longest requests in their last moment, and everybody is late. The most requests
// in time are had by serving those that cost least, as long as nobody is served who could as well have waited.
//
// So an answer in time is worth the same for every request, and how soon it must be worked for is its urgency
//
//     u = exp(-laxity / (theta T)),   laxity = due - now - c(1, its longest waiting sequence)
//
// T is the time that all that waits would take in full batches of its like, over the slots: who has more time than the
// backlog takes to serve can wait without harm. A sequence has its part of its request's urgency, by what it costs: the
// request is in time only with its last one. The batch is the one with the greatest
//
//     I(S) = (sum of u over S / c(S)) * (sum of q over S / c(S))^eta,   q(l) = c(B, l) / B
//
// which is the urgency that is served a second, times the efficiency of density_choice.h; eta is as there: 0 if riders
// are free. For a longest length L and a number n the batch is made of the B most urgent that are no longer than L: of
// those the n most urgent that are still in time if a batch of (n, L) starts now, so that company makes nobody late. I
// over n may have several peaks (of each group of like lengths one), so every n is tried that could be better than the
// best so far: as the efficiency is at most 1, I is at most the urgency of all over c(n, L), and as u is at most 1, at
// most 1 / q(L).
//
// Candidates are the first due of each class of length, of each the seats of a batch or, if riders cost something,
// twice the last batch within kFewestOfAClass and kMostOfAClass. So a choice costs the same however many wait.
//
// Keeps scratch memory between calls. Not thread safe.
class UrgencyChoice {
 public:
  struct Options {
    double urgency = 0.5;            // theta
    double efficiency_exponent = 1;  // eta where no length is paid once for all
  };
  // What a choice has to know beyond the candidates.
  struct Surroundings {
    Time now{};
    CostModel cost;
    std::uint32_t seats = 1;  // B
    std::uint32_t slots = 1;
    std::uint32_t mean_length = 1;  // of the sequences that come
    std::uint32_t last_batch = 1;   // its sequences
  };
  explicit UrgencyChoice(const Options& options) : options_(options) {}

  // The members of the best batch, most urgent first; empty if nothing could be in time. Good until the next call.
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
  struct Batch {
    std::size_t seen = 0;  // of the most urgent
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
