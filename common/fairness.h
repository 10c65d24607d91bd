// How well the customers are served, one against the other.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace smartbatch {

// (sum x)^2 / (n * sum x^2), from 1/n (one has all) to 1 (all have the same): Jain, Chiu and Hawe, "A quantitative
// measure of fairness and discrimination for resource allocation in shared computer systems" (1984). Nothing if there
// is no value or all of them are 0; values must not be negative.
std::optional<double> JainIndex(const std::vector<double>& values);

// One customer in a measurement.
struct CustomerStanding {
  std::uint64_t answered = 0;
  // The mean slowdown of its answered requests: latency over the time that the request takes in a batch of its own, on
  // an idle backend (also called stretch: Bender, Chakrabarti and Muthukrishnan, "Flow and stretch metrics for
  // scheduling continuous job streams", 1998). Nothing if that time is not known.
  std::optional<double> slowdown;
  // Seconds of backend time charged to it over its weight; nothing if they are not known.
  std::optional<double> charged_over_weight;
};

// Latencies alone do not tell what is fair, since a long request takes long by itself: their Jain's index is 1 if all
// are equally slow. So a request is compared with itself alone, and a customer's share with its weight.
struct FairnessFigures {
  // Over all answered requests, 1 being the best; nothing if it is not known of each.
  std::optional<double> slowdown;
  // The largest mean of a customer with at least kFewestAnswers; nothing if there is none.
  std::optional<double> worst_customer_slowdown;
  // Jain's index of what was charged over weight, over the customers with an answer: 1 if each got as much as its
  // weight says. A customer that asks for less than its share lowers it without harm.
  std::optional<double> share_index;
};
// The mean of fewer is chance.
inline constexpr std::uint64_t kFewestAnswers = 20;

FairnessFigures FairnessOf(const std::vector<CustomerStanding>& customers);

}  // namespace smartbatch
