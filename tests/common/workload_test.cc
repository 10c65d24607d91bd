#include "common/workload/workload.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <variant>
#include <vector>

namespace smartbatch::workload {
namespace {

std::vector<Time> Arrivals(const ArrivalModel& model, int count, std::uint64_t seed = 1, std::uint64_t customer = 0) {
  ArrivalSource source(model, seed, customer);
  std::vector<Time> times;
  for (int i = 0; i < count; ++i) times.push_back(source.Next());
  return times;
}

double RateOf(const ArrivalModel& model) {
  constexpr int kCount = 100'000;
  return kCount / ToSeconds(Arrivals(model, kCount).back().time_since_epoch());
}

TEST(ArrivalSource, HasTheRateOfItsModel) {
  EXPECT_NEAR(RateOf(ConstantRate{20}), 20, 0.01);
  EXPECT_NEAR(RateOf(Poisson{20}), 20, 0.3);
  EXPECT_NEAR(RateOf(GammaGaps{20, 0.5}), 20, 0.5);
  // A third of the time at 52, else at 4.
  EXPECT_NEAR(RateOf(OnOff{52, 4, std::chrono::seconds(2), std::chrono::seconds(4)}), 20, 1.5);
}

TEST(ArrivalSource, SendsOnlyWhileItsCustomerIsThere) {
  using std::chrono::seconds;
  const Presence presence{seconds(10), seconds(4), seconds(6)};
  ArrivalSource source(Poisson{50}, 1, 0, presence);
  constexpr int kCount = 100'000;
  Time last{};
  for (int i = 0; i < kCount; ++i) {
    const Time time = source.Next();
    ASSERT_GE(time, last);
    last = time;
    const Duration in_cycle = time.time_since_epoch() % seconds(10);
    ASSERT_TRUE(in_cycle >= seconds(4) && in_cycle < seconds(6)) << ToSeconds(in_cycle);
  }
  // There for a fifth of the time.
  EXPECT_NEAR(kCount / ToSeconds(last.time_since_epoch()), 10, 0.15);
}

TEST(ArrivalSource, NeverGoesBackAndStopsIfThereIsNoRate) {
  const std::vector<Time> times = Arrivals(OnOff{50, 0, std::chrono::seconds(1), std::chrono::seconds(1)}, 5000);
  EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
  EXPECT_EQ(Arrivals(Poisson{0}, 1).front(), kNever);
}

TEST(ArrivalSource, RepeatsItselfForTheSameSeedAndCustomerOnly) {
  EXPECT_EQ(Arrivals(Poisson{5}, 100), Arrivals(Poisson{5}, 100));
  EXPECT_NE(Arrivals(Poisson{5}, 100), Arrivals(Poisson{5}, 100, 2));
  EXPECT_NE(Arrivals(Poisson{5}, 100), Arrivals(Poisson{5}, 100, 1, 1));
}

// The share of the draws that are no longer than the length.
double ShareUpTo(std::uint32_t length, const std::vector<std::uint32_t>& draws) {
  const auto shorter = std::count_if(draws.begin(), draws.end(), [&](std::uint32_t draw) { return draw <= length; });
  return static_cast<double>(shorter) / static_cast<double>(draws.size());
}

TEST(RequestSource, HasTheQuantilesOfItsModel) {
  const QuantileLength model{{{1, 17}, {10, 147}, {50, 1469}, {100, 7437}}};
  RequestSource source({1, 1, model}, 3, 0);
  std::vector<std::uint32_t> draws;
  std::vector<std::uint32_t> lengths;
  for (int i = 0; i < 100'000; ++i) {
    source.Draw(lengths);
    draws.push_back(lengths.front());
  }
  for (const auto& [percent, length] : model.quantiles) EXPECT_NEAR(100 * ShareUpTo(length, draws), percent, 0.5);
  // Halfway between two quantiles stands their geometric mean.
  EXPECT_NEAR(ShareUpTo(static_cast<std::uint32_t>(std::sqrt(1469.0 * 7437.0)), draws), 0.75, 0.005);
  EXPECT_EQ(*std::min_element(draws.begin(), draws.end()), 17U);
  EXPECT_LE(*std::max_element(draws.begin(), draws.end()), 7437U);
}

TEST(Builtins, OfAzureHaveTwoTenantsThatOfferTheirLoadTogether) {
  for (const char* const name : {"azure2023", "azure2023-gamma", "azure2023-bursty"}) {
    BuiltinOptions options;
    options.rho = 0.5;
    options.cost = {.fixed = 0.01, .quadratic = 0, .per_character = 3e-4};
    const Workload workload = MakeBuiltin(name, options);
    ASSERT_EQ(workload.customers.size(), 2U) << name;
    EXPECT_EQ(workload.customers[0].name, "code");
    EXPECT_EQ(workload.customers[1].name, "conversation");
    double rho = 0;
    for (const CustomerModel& customer : workload.customers) {
      rho += MeanRequestsPerSecond(customer) *
             MomentsOf(customer.requests, options.cost, options.max_batch_size).mean_packed_seconds;
    }
    EXPECT_NEAR(rho, 0.5, 1e-9) << name;
    EXPECT_NEAR(MeanRequestsPerSecond(workload.customers[0]) / MeanRequestsPerSecond(workload), 0.313, 0.001) << name;
  }
}

// Context tokens of the trace's 8,819 requests of code and 19,366 of conversation.
TEST(Builtins, OfAzureHaveTheQuantilesOfTheTraceWithoutTheTrace) {
  constexpr std::array<double, 7> kPercents = {1, 10, 25, 50, 75, 90, 99};
  const std::array<std::array<std::uint32_t, 7>, 2> of_the_trace = {
      {{17, 147, 578, 1469, 2744, 5186, 7436}, {29, 207, 396, 1020, 1189, 2734, 4142}}};
  const std::array<std::uint32_t, 2> longest = {7437, 14050};
  const Workload workload = MakeBuiltin("azure2023", {});
  for (std::size_t tenant = 0; tenant < 2; ++tenant) {
    RequestSource source(workload.customers[tenant].requests, 3, 0);
    std::vector<std::uint32_t> draws;
    std::vector<std::uint32_t> lengths;
    for (int i = 0; i < 50'000; ++i) {
      source.Draw(lengths);
      ASSERT_EQ(lengths.size(), 1U);
      draws.push_back(lengths.front());
    }
    for (std::size_t i = 0; i < kPercents.size(); ++i) {
      EXPECT_NEAR(100 * ShareUpTo(of_the_trace[tenant][i], draws), kPercents[i], 0.7) << "tenant " << tenant;
    }
    EXPECT_LE(*std::max_element(draws.begin(), draws.end()), longest[tenant]);
  }
}

TEST(RequestSource, StaysWithinItsModel) {
  const std::vector<RequestModel> models = {{1, 3, CutTextLength{{15, 11}, 5, 15}},
                                            {2, 5, EitherLength{0.3, 558, 116}},
                                            {1, 5, LognormalLength{80, 1, 10, 2000}},
                                            {1, 2, UniformLength{10, 60}}};
  const std::pair<std::uint32_t, std::uint32_t> limits[] = {{5, 15}, {116, 558}, {10, 2000}, {10, 60}};
  for (std::size_t i = 0; i < models.size(); ++i) {
    RequestSource source(models[i], 1, 0);
    std::vector<std::uint32_t> lengths;
    for (int draw = 0; draw < 10'000; ++draw) {
      source.Draw(lengths);
      ASSERT_GE(lengths.size(), models[i].sequences_minimum);
      ASSERT_LE(lengths.size(), models[i].sequences_maximum);
      for (const std::uint32_t length : lengths) {
        ASSERT_GE(length, limits[i].first);
        ASSERT_LE(length, limits[i].second);
      }
    }
  }
}

double MeanRate(const ArrivalModel& model) {
  if (const auto* poisson = std::get_if<Poisson>(&model)) return poisson->requests_per_second;
  if (const auto* gamma = std::get_if<GammaGaps>(&model)) return gamma->requests_per_second;
  const auto& on_off = std::get<OnOff>(model);
  return (on_off.requests_per_second_on + 2 * on_off.requests_per_second_off) / 3;
}

TEST(EveryBuiltin, OffersTheLoadItIsAskedFor) {
  for (const BuiltinDescription& builtin : Builtins()) {
    // Only a part of these workloads has the given rho.
    if (builtin.closed_loop || builtin.name.rfind("flood", 0) == 0 || builtin.name == "changing") continue;
    for (const CostProfile& profile : CostProfiles()) {
      BuiltinOptions options;
      options.rho = 0.6;
      options.cost = profile.cost;
      const Workload workload = MakeBuiltin(builtin.name, options);
      double rho = 0;
      // By the name without its number: such customers send the same kind of requests.
      std::map<std::string, double> seconds_of_group;
      for (const CustomerModel& customer : workload.customers) {
        const std::string group = customer.name.substr(0, customer.name.find_first_of("0123456789"));
        const auto [seconds, is_new] = seconds_of_group.try_emplace(group, 0);
        if (is_new)
          seconds->second = MomentsOf(customer.requests, options.cost, options.max_batch_size).mean_packed_seconds;
        rho += MeanRate(customer.arrivals) * seconds->second;
      }
      EXPECT_NEAR(rho, 0.6, 0.01) << builtin.name << " " << profile.name;
    }
  }
}

TEST(EveryBuiltin, HasCustomersWithNamesOfTheirOwn) {
  for (const BuiltinDescription& builtin : Builtins()) {
    const Workload workload = MakeBuiltin(builtin.name, {});
    ASSERT_FALSE(workload.customers.empty()) << builtin.name;
    std::vector<std::string> names;
    for (const CustomerModel& customer : workload.customers) {
      names.push_back(customer.name);
      EXPECT_EQ(std::holds_alternative<ClosedLoop>(customer.arrivals), builtin.closed_loop) << builtin.name;
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end()) << builtin.name;
  }
  EXPECT_TRUE(MakeBuiltin("nope", {}).customers.empty());
}

}  // namespace
}  // namespace smartbatch::workload
