// The result of a simulation.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/fairness.h"
#include "common/statistics.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy.h"

namespace smartbatch::simulation {

// In milliseconds, exact, from every answered request. A percentile with fewer than 10 samples above it is chance, and
// is left out.
struct LatencyFigures {
  double mean = 0;
  std::optional<double> p50;
  std::optional<double> p90;
  std::optional<double> p99;
  std::optional<double> p999;
  double max = 0;
};

LatencyFigures FiguresOf(const Sample& latencies_ms);

struct CustomerResult {
  std::string customer;
  std::uint64_t requests = 0;
  LatencyFigures latency_ms;
  // Seconds of backend time charged to the customer's account.
  double charged_seconds = 0;
  // The mean over its requests (CustomerStanding).
  double slowdown = 0;
};

// Everything except `outcomes` leaves out the warm-up: it covers the requests that were offered after it, and the time
// from the first of them until the last one ended.
struct Result {
  // The strategy at the start, with every parameter it has.
  scheduling::StrategyChoice strategy;
  // Answered requests.
  std::uint64_t requests = 0;
  LatencyFigures latency_ms;
  // The share of the offered requests that were answered by their deadline or, without one, within the latency
  // objective or, without either, at all.
  double on_time_share = 1;
  double throughput_per_second = 0;
  // The share of the slots' time in which a batch ran.
  double busy_share = 0;
  double batch_sequences_mean = 0;
  // The time of a batch by the cost model: the mean, and the largest.
  double batch_seconds_mean = 0;
  double batch_seconds_longest = 0;
  // The share of the batches' cost that was spent on empty seats and on sequences shorter than the longest.
  double padding_share = 0;
  // By the true cost of a batch. The share index is nothing if an account was closed meanwhile.
  FairnessFigures fairness;
  // The largest difference between the counters of two backlogged customers that was seen after a dispatch.
  double fairness_gap_seconds = 0;
  // The time from the last arrival until the last request had ended. If it is a sizeable part of the run, the strategy
  // did not keep up.
  double drain_seconds = 0;
  // The time between the first and the last of the arrivals.
  double arrival_seconds = 0;
  // No strategy that does not know the future has a lower mean latency. Nothing if requests expired, were cancelled or
  // failed, since the mean over the others has no such bound. See LowerBoundMilliseconds.
  std::optional<double> lower_bound_ms;
  std::vector<CustomerResult> customers;  // in the order of the feed; those without a request are left out
  // Of the whole run.
  scheduling::OutcomeCounts outcomes;
};

// The terms of the least mean latency of any strategy: a request takes at least E[c(1, L)], L its longest sequence.
// With Poisson arrivals and one slot an arriving request also waits for the rest of the batch that it finds running, in
// the mean the sum of S^2 / 2 over the batches of a second, S the time of a batch. Of a batch of n sequences each may
// count S^2 / n, and S is at least c(n, l) for each length l in it. So the mean is at least
//   rate / 2 * E[sum over a request's sequences of the least c(n, l)^2 / n with n <= max_batch_size]
// That is c^2 / max_batch_size if riders are free, and c^2 if a second sequence costs as much as the first.
struct LowerBoundTerms {
  double mean_seconds = 0;         // E[c(1, L)]
  double mean_least_squares = 0;   // E[sum of the least c(n, l)^2 / n]
  double requests_per_second = 0;  // 0 if arrivals are not Poisson or there are several slots
};
double LowerBoundMilliseconds(const LowerBoundTerms& terms);

}  // namespace smartbatch::simulation
