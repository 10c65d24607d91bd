// How fairly customers are served, compared with each other.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace smartbatch {

// (sum x)^2 / (n * sum x^2), from 1/n (one has everything) to 1 (all have the same): Jain, Chiu and Hawe, "A
// quantitative measure of fairness and discrimination for resource allocation in shared computer systems" (1984).
// Returns nothing if there is no value or if all values are 0. Values must not be negative.
std::optional<double> JainIndex(const std::vector<double>& values);

// One customer in a measurement.
struct CustomerStanding {
  std::uint64_t answered = 0;
  // The mean slowdown of its answered requests: latency divided by the time that the request takes in a batch of its
  // own on an idle backend (also called stretch: Bender, Chakrabarti and Muthukrishnan, "Flow and stretch metrics for
  // scheduling continuous job streams", 1998). Nothing if that time is not known.
  std::optional<double> slowdown;
  // Seconds of backend time charged to it, divided by its weight. Nothing if they are not known.
  std::optional<double> charged_over_weight;
};

// Latencies alone do not show what is fair: a long request takes long by itself, and Jain's index of latencies is 1 if
// all are equally slow. So a request is compared with the same request alone, and a customer's share with its weight.
struct FairnessFigures {
  // The mean over all answered requests; 1 is the best. Nothing if the slowdown of a customer with an answer is
  // unknown.
  std::optional<double> slowdown;
  // The largest mean slowdown of a customer with at least kFewestAnswers; nothing if no customer has that many.
  std::optional<double> worst_customer_slowdown;
  // Jain's index of charged_over_weight over the customers with an answer: 1 if each got as much as its weight says. A
  // customer that asks for less than its share lowers the index, which does no harm.
  std::optional<double> share_index;
};
// The mean of fewer answers is chance.
inline constexpr std::uint64_t kFewestAnswers = 20;

FairnessFigures FairnessOf(const std::vector<CustomerStanding>& customers);

}  // namespace smartbatch
