// The rule at the heart of `density`: which sequences a batch should be for.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/cost_model.h"
#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/strategies/heaviest.h"
#include "services/proxy/scheduling/strategies/length_costs.h"

namespace smartbatch::scheduling {

// Weights. A request weighs w_r = tier_ratio^-tier * (age + c(1, L0))^p, L0 its longest length at arrival: p = 0 is
// Smith's rule for the mean, a larger p gives up some of the mean for the tail. A sequence weighs its part of the work
// that its request still needs, w_s = w_r * q / sum of q over the waiting sequences of r, with q(l) = c(B, l) / B, the
// least that a sequence of length l can cost: its part of a full batch of that length.
//
// If riders are free. Smith's rule for one machine (W. E. Smith, "Various optimizers for single-stage production",
// 1956) orders jobs by weight over processing time. On a machine that works on B jobs at once for as long as the
// longest of them takes (a batch processing machine: Brucker et al., "Scheduling a batching machine", 1998) a batch
// takes the place of the job: its density is the weight it serves over the time it takes. For a given longest length L
// the best batch is the B heaviest sequences that are no longer than L, so it is enough to try each length in turn:
//
//     L* = argmax over L of (sum of the B largest weights with length <= L) / c(L)
//
// and then to fill the free seats, which costs nothing.
//
// If riders cost something, density alone is wrong in two ways.
//
// (1) All members wait for the end of the batch. Of N equal sequences with c(n) = a + e n, density always takes as many
// as there are seats, since more of them share a; but the mean of their waits is least with batches of about sqrt(2 N a
// / e). Take a batch S and a part S1 of it. Serving S1 first and the rest S2 in a batch of its own ends S1 earlier by
// c(S) - c(S1), and everything else (S2, and all that waits behind) later by c(S1) + c(S2) - c(S). So it pays iff
//
//     W(S1) (c(S) - c(S1)) > (c(S1) + c(S2) - c(S)) (g W_all - W(S1))                                (partition)
//
// W_all is the weight of all that waits. g = 1 / (1 - rho) stands for requests that are still to come: a delay of the
// machine is passed on until the machine next runs out of work, and has then affected g times what waits now. The batch
// is cut at the prefix, by length, that gains most, and again, until none gains. If riders are free this cuts nothing:
// a part that pays would have been the densest batch.
//
// (2) A batch may waste the machine. The least that its members can cost is the sum of their q; what it takes beyond
// that is time that later work does not get. The index of a batch is its density times its efficiency, which is 1 if
// nothing is wasted:
//
//     I(S) = (W(S) / c(S)) * (sum of q over S / c(S))^eta
//
// Under load this factor keeps long and short texts apart. Length that is paid for once, however many share it (the
// quadratic term), is not such a waste, since free seats are filled afterwards. So eta is efficiency_exponent times
// 1 - beta, and beta = quadratic Lm^2 / c(1, Lm) is the share of the cost of a sequence of mean length Lm that is paid
// once. If riders are free eta is 0, and I is Smith's density. For each L and each number n the best batch is taken to
// be the n heaviest up to L, as above; I has one peak in n as weights fall. Of lengths within a quarter of each other
// only the longest is tried: all promised figures still hold, and it is twenty tries instead of a hundred.
//
// Filling. A rider of length l whose seat adds s = c(n + 1, L) - c(n, L) delays W(S) by s, and saves everybody else
// what it would cost later, less s. Later it would cost c(m, l) / m, in a batch
// of m sequences like those that leave now. It is taken iff
//
//     s W(S) <= (c(m, l) / m - s) (g W_all - W(S))                                                       (fill)
//
// and always if its seat costs nothing. Where a seat costs nearly as much as a batch of its own, batches are small, and
// q(l) = c(B, l) / B would promise a cheap seat that never comes. m is at least n + 1: otherwise several riders would
// each be taken for what they could save together, and the batch would cost more than its best split in two.
//
// What it is not for: deadlines, which it does not know; shares among customers (`weighted_fair` is); waits bounded by
// more than the starvation lane. Lengths must be known, and costs to within a factor of two or so. It looks at one
// batch at a time: a plan for all that waits (dynamic programming over the sorted lengths, as TurboTransformers does)
// carries some per cent more close to saturation.
//
// Keeps scratch memory between calls. Not thread safe.
class DensityChoice {
 public:
  struct Options {
    bool split = true;
    double age_exponent = 0.5;         // p
    double tier_ratio = 1;             // a request of tier t weighs tier_ratio^-t
    double efficiency_exponent = 0.5;  // eta if no length is paid once for all riders
  };
  // What a choice has to know beyond the candidates.
  struct Surroundings {
    Time now{};
    CostModel cost;
    std::uint32_t seats = 1;  // B
    std::uint64_t waiting_requests = 0;
    std::uint64_t waiting_sequences = 0;
    Duration mean_age{};            // of the requests that wait
    std::uint32_t mean_length = 1;  // of the sequences that come
    double load = 0;                // rho
    std::uint32_t usual_batch = 1;  // sequences of the batches that leave now (m)
  };
  explicit DensityChoice(const Options& options) : options_(options) {}

  // Starts a choice, for which all of this holds.
  void Start(const Surroundings& surroundings);

  // --- By sequence ---

  // A waiting sequence that the batch may hold, each once. What its request needs in all is remembered in the request's
  // strategy_rank, for the cost that strategy_mark says: whoever calls this sets the mark to 0 if other sequences of
  // the request wait than before, and uses neither.
  void Consider(PendingSequence& sequence);
  // Its waiting sequences, and uses neither the rank nor the mark: of a request that is far larger than a batch only
  // the first, 256 or twice as many as there are seats, so that the time of a choice has a bound.
  void ConsiderWaitingOf(PendingRequest& request);
  // Tries the batches whose longest is one of those considered since the last time, of which none may be shorter than
  // what had been considered then.
  void Weigh();
  // Whether a batch could be better than the best so far if its longest had at least this length and nothing in it were
  // heavier than `weight` or what was weighed. The bound is sound, as the efficiency is at most 1 and
  // c(n, L) >= n q(L): I <= n max w / c(n, L) <= max w / q(L). (LengthCosts may know q a little less well than c.)
  bool CouldBeBetter(double weight, std::uint32_t length) const;
  // The most that a sequence of a request that came then may weigh if it is no longer than that.
  double MostWeight(Time arrival, std::uint32_t length) const;
  // Takes the best batch, cut if that pays, into the selection, which must be empty. Something was considered.
  void Take(Selection& selection);
  // Fills a seat, of which there must be one, with the sequence if it is not selected, no longer than the batch, and
  // worth the seat. Returns false if so many were not worth theirs that to offer more would be in vain.
  bool FillWith(PendingSequence& sequence, Selection& selection);
  // The same with what was considered, the longest first and of one length the heaviest.
  void Fill(Selection& selection);
  // Whether a sequence that is no longer than the batch is worth the seat it costs; the caller takes it then.
  bool Pays(const PendingSequence& sequence, const Selection& selection);

  // --- By request ---

  // Takes the best batch of whole candidates into the selection, which must be empty. Each candidate waits, stands once
  // in the list, and there is at least one.
  void ChooseRequests(std::span<PendingRequest* const> candidates, Selection& selection);
  // The same for candidates whose waiting sequences all fit.
  void ChooseUncontended(std::span<PendingRequest* const> candidates, Selection& selection);
  double WeightOf(const PendingRequest& request) const;
  // The weight of the request over what its waiting sequences cost in a batch of their own or, if they are more than
  // the seats, the same of a part that fills the batch.
  double DensityOf(const PendingRequest& request) const;

 private:
  struct Seat {
    PendingSequence* sequence = nullptr;
    std::uint32_t length = 0;
    double weight = 0;
    double least_seconds = 0;  // q
  };
  struct Best {
    double index = 0;
    double lightest = 0;  // no sequence of the batch weighs less
    std::size_t seats = 0;
    std::size_t no_longer = 0;  // of the seats, from the front
  };

  void Consider(PendingSequence& sequence, double least_seconds_left);
  // Of a sequence that costs at least `least_seconds`, what waits of its request `least_seconds_left`.
  double WeightOf(const PendingRequest& request, double least_seconds, double least_seconds_left) const;
  // Of so many of the request's waiting sequences, as if all were equally long.
  double WeightOf(const PendingRequest& request, std::uint32_t seats) const;
  // Of a batch of so many sequences, by the sums over them.
  double Index(const Heaviest::Item& batch, std::size_t sequences, std::uint32_t longest) const;
  static bool IsHeavier(const Seat& left, const Seat& right);
  void TryLength(std::uint32_t length, std::size_t no_longer);
  void CutWhereThatPays();
  // What delays to everybody weigh: g W_all.
  double WeightOfAll() const;
  void SortByLength(std::span<PendingRequest* const> candidates);

  const Options options_;
  Surroundings around_;
  bool riders_are_free_ = true;
  double efficiency_exponent_ = 0;  // eta
  double index_exponent_ = 1;       // of the cost in the index

  std::vector<Seat> seats_;
  std::size_t weighed_ = 0;  // of the seats
  // Of those considered since.
  std::uint32_t shortest_ = 0;
  std::uint32_t longest_ = 0;
  Heaviest heaviest_;
  std::uint64_t considered_ = 0;
  double considered_weight_ = 0;
  std::vector<Heaviest::Item> sums_;  // of the n heaviest
  Best best_;
  std::size_t peak_ = 1;  // the number of seats that was best at the last length
  LengthCosts of_length_;
  std::vector<Seat> batch_;
  double batch_weight_ = 0;
  int refusals_ = 0;
  // The request of the last rider, since often several in a row are of one, and what waits of it.
  const PendingRequest* last_rider_of_ = nullptr;
  double least_seconds_left_ = 0;

  std::vector<PendingRequest*> by_length_;
  std::vector<double> best_weight_;  // of the knapsack, by capacity
  std::vector<bool> taken_;
};

}  // namespace smartbatch::scheduling
