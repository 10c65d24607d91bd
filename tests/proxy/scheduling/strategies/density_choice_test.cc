// The choice against its definition in density_choice.h, by trying every batch that there is.
#include "services/proxy/scheduling/strategies/density_choice.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/strategies/waiting_requests.h"

namespace smartbatch::scheduling {
namespace {

constexpr double kAgeExponent = 0.5;
constexpr double kEfficiencyExponent = 0.5;
const Time kChoiceTime(std::chrono::seconds(1000));

// What may be in a batch: a sequence, or a whole request.
struct Weighed {
  std::uint32_t seats = 1;
  std::uint32_t longest = 0;
  double weight = 0;
  double least_seconds = 0;  // q
};

struct BatchTotals {
  std::uint32_t seats = 0;
  std::uint32_t longest = 0;
  double weight = 0;
  double least_seconds = 0;
};

BatchTotals TotalsOf(const std::vector<Weighed>& items) {
  BatchTotals sum;
  for (const Weighed& item : items) {
    sum.seats += item.seats;
    sum.longest = std::max(sum.longest, item.longest);
    sum.weight += item.weight;
    sum.least_seconds += item.least_seconds;
  }
  return sum;
}

double BatchDensity(const BatchTotals& batch, const CostModel& cost) {
  return batch.weight / cost.Seconds(batch.seats, batch.longest);
}

// The greatest density of all subsets that fit.
double GreatestDensity(const std::vector<Weighed>& items, const CostModel& cost, std::uint32_t seats) {
  double greatest = 0;
  for (std::uint32_t subset = 1; subset < 1U << items.size(); ++subset) {
    std::vector<Weighed> members;
    for (std::size_t i = 0; i < items.size(); ++i) {
      if ((subset >> i & 1) != 0) members.push_back(items[i]);
    }
    const BatchTotals sum = TotalsOf(members);
    if (sum.seats <= seats) greatest = std::max(greatest, BatchDensity(sum, cost));
  }
  return greatest;
}

class DensityChoiceTest : public testing::Test {
 protected:
  // Draws requests that came within the last ten seconds.
  void Draw(std::int64_t requests, std::int64_t most_sequences) {
    requests_.emplace();
    for (std::int64_t i = 0; i < requests; ++i) {
      const Time arrival = kChoiceTime - FromSeconds(10 * random_.Uniform() * random_.Uniform());
      requests_->AddAny(random_, most_sequences, random_.Chance(0.5) ? 50 : 600, arrival);
    }
    seats_ = static_cast<std::uint32_t>(random_.Between(1, 8));
    selection_.Clear(seats_);
  }
  void Start(DensityChoice& choice, const CostModel& cost, double load = 0, std::uint32_t usual_batch = 1) {
    std::uint64_t sequences = 0;
    for (const PendingRequest& request : requests_->all()) sequences += request.sequences.size();
    choice.Start({.now = kChoiceTime,
                  .cost = cost,
                  .seats = seats_,
                  .waiting_requests = requests_->all().size(),
                  .waiting_sequences = sequences,
                  .mean_length = 100,
                  .load = load,
                  .usual_batch = usual_batch});
  }

  static double WeightOf(const PendingRequest& request, const CostModel& cost) {
    const double age_seconds = ToSeconds(kChoiceTime - request.arrival) + cost.Alone(request.longest_at_arrival);
    return std::pow(age_seconds, kAgeExponent);
  }
  Weighed WeighedOf(const PendingSequence& sequence, const CostModel& cost) const {
    double least_of_all = 0;
    for (const PendingSequence& other : sequence.request->sequences) least_of_all += cost.Packed(other.length, seats_);
    const double least = cost.Packed(sequence.length, seats_);
    return {1, sequence.length, WeightOf(*sequence.request, cost) * least / least_of_all, least};
  }
  // A whole request or, if it has more sequences than there are seats, a part that takes them all.
  Weighed WeighedOf(const PendingRequest& request, const CostModel& cost) const {
    const std::uint32_t part = std::min(request.waiting, seats_);
    return {part, request.longest_waiting, WeightOf(request, cost) * part / request.waiting, 0};
  }
  std::vector<Weighed> AllSequences(const CostModel& cost) {
    std::vector<Weighed> items;
    for (const PendingRequest& request : requests_->all()) {
      for (const PendingSequence& sequence : request.sequences) items.push_back(WeighedOf(sequence, cost));
    }
    return items;
  }
  std::vector<Weighed> AllRequests(const CostModel& cost) {
    std::vector<Weighed> items;
    for (const PendingRequest& request : requests_->all()) items.push_back(WeighedOf(request, cost));
    return items;
  }
  std::vector<Weighed> TakenSequences(const CostModel& cost) const {
    std::vector<Weighed> items;
    for (const PendingSequence* const sequence : selection_.members()) items.push_back(WeighedOf(*sequence, cost));
    return items;
  }
  // Whole requests, or parts of larger ones: each of them is taken or not.
  std::vector<Weighed> TakenRequests(const CostModel& cost) const {
    std::vector<Weighed> items;
    std::size_t sequences = 0;
    for (const PendingRequest& request : requests_->all()) {
      if (!request.sequences.front().selected) continue;
      items.push_back(WeighedOf(request, cost));
      sequences += std::min<std::size_t>(request.sequences.size(), seats_);
    }
    EXPECT_EQ(sequences, selection_.members().size()) << "a request was split";
    return items;
  }

  Random random_{1};
  std::optional<WaitingRequests> requests_;
  std::uint32_t seats_ = 1;
  Selection selection_;
};

const CostModel kFreeRiders{0.005, 1e-6, 0, 0};

TEST_F(DensityChoiceTest, TakesTheDensestOfAllBatchesWhereRidersAreFree) {
  DensityChoice choice({.age_exponent = kAgeExponent});
  for (int round = 0; round < 300; ++round) {
    Draw(random_.Between(1, 5), 2);
    Start(choice, kFreeRiders);
    for (PendingRequest& request : requests_->all()) choice.ConsiderWaitingOf(request);
    choice.Weigh();
    choice.Take(selection_);
    const double greatest = GreatestDensity(AllSequences(kFreeRiders), kFreeRiders, seats_);
    EXPECT_NEAR(BatchDensity(TotalsOf(TakenSequences(kFreeRiders)), kFreeRiders) / greatest, 1, 1e-9)
        << "round " << round;
    selection_.Clear(seats_);
  }
}

// Of a request that is looked at again the choice remembers what its sequences weigh together, as long as the cost
// stays. Here it changes every time, and with it what a long sequence weighs beside a short one.
TEST_F(DensityChoiceTest, WeighsTheSequencesOfARequestByTheCostOfNow) {
  const CostModel steep{0, 1e-6};
  const CostModel flat{10, 1e-9};
  DensityChoice choice({.age_exponent = kAgeExponent});
  for (int round = 0; round < 300; ++round) {
    Draw(random_.Between(1, 5), 3);
    for (const CostModel& cost : {steep, flat, steep}) {
      Start(choice, cost);
      std::vector<PendingSequence*> ascending;
      for (PendingRequest& request : requests_->all()) {
        for (PendingSequence& sequence : request.sequences) ascending.push_back(&sequence);
      }
      std::sort(ascending.begin(), ascending.end(), [](auto* a, auto* b) { return a->length < b->length; });
      for (PendingSequence* const sequence : ascending) {
        choice.Consider(*sequence);
        choice.Weigh();
      }
      choice.Take(selection_);
      const double greatest = GreatestDensity(AllSequences(cost), cost, seats_);
      EXPECT_NEAR(BatchDensity(TotalsOf(TakenSequences(cost)), cost) / greatest, 1, 1e-9) << "round " << round;
      for (PendingSequence* const sequence : ascending) sequence->selected = false;
      selection_.Clear(seats_);
    }
  }
}

struct Indexed {
  double index = 0;
  std::vector<Weighed> members;
};

// For each longest length and each number the heaviest that are no longer; each of these is tried here, the index of
// which the choice holds to have one peak.
Indexed BestByIndex(const std::vector<Weighed>& items, const CostModel& cost, std::uint32_t seats, double eta) {
  Indexed greatest;
  for (const Weighed& longest : items) {
    std::vector<Weighed> members = items;
    std::erase_if(members, [&](const Weighed& item) { return item.longest > longest.longest; });
    std::sort(members.begin(), members.end(), [](const Weighed& a, const Weighed& b) { return a.weight > b.weight; });
    members.resize(std::min<std::size_t>(members.size(), seats));
    for (; !members.empty(); members.pop_back()) {
      const BatchTotals sum = TotalsOf(members);
      const double takes = cost.Seconds(sum.seats, longest.longest);
      const double index = sum.weight / takes * std::pow(std::min(1.0, sum.least_seconds / takes), eta);
      if (index > greatest.index) greatest = {index, members};
    }
  }
  return greatest;
}

// What the whole batch gains if its shortest `first` members go before the others, by the rule (partition).
double MostGainOfACut(std::vector<Weighed> batch, const CostModel& cost, double weight_of_all) {
  std::sort(batch.begin(), batch.end(), [](const Weighed& a, const Weighed& b) { return a.longest < b.longest; });
  double most = 0;
  for (std::size_t first = 1; first < batch.size(); ++first) {
    const BatchTotals whole = TotalsOf(batch);
    const BatchTotals sooner = TotalsOf({batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(first)});
    const double alone = cost.Seconds(sooner.seats, sooner.longest);
    const double all = cost.Seconds(whole.seats, whole.longest);
    const double rest = cost.Seconds(whole.seats - sooner.seats, whole.longest);
    most = std::max(most, sooner.weight * (all - alone) - (alone + rest - all) * (weight_of_all - sooner.weight));
  }
  return most;
}

// Of lengths within a quarter of each other it tries the longest only, so that a batch may be for some more than the
// best one. And it climbs to one peak over the numbers; if lengths differ much there may be two.
TEST_F(DensityChoiceTest, TakesTheGreatestIndexOfAllLengthsAndNumbersOrSeldomOneNearItWhereNoCutPays) {
  const double load = 0.95;  // a delay weighs 20 times what waits, so that few cuts pay
  // The sharp knees are of batches so short, and so long, that no power of their knee is a number.
  const CostModel costs[] = {{0.005, 0, 0.001, 1e-5},
                             {0.02, 0, 0.0005, 1e-6},
                             {0.002, 0, 0.004, 0, 1e-8},
                             {0.02, 0, 0.004, 2e-5, 0, 3},
                             {2e-5, 0, 4e-6, 2e-8, 0, CostModel::kLargestKnee},
                             {2e4, 0, 4e3, 20, 0, CostModel::kLargestKnee}};
  DensityChoice choice({.age_exponent = kAgeExponent, .efficiency_exponent = kEfficiencyExponent});
  int several = 0;
  int missed = 0;
  for (int round = 0; round < 1200; ++round) {
    const CostModel& cost = costs[static_cast<std::size_t>(round) % std::size(costs)];
    Draw(random_.Between(1, 5), 2);
    Start(choice, cost, load);
    for (PendingRequest& request : requests_->all()) choice.ConsiderWaitingOf(request);
    choice.Weigh();
    choice.Take(selection_);
    const std::vector<Weighed> all = AllSequences(cost);
    const std::vector<Weighed> taken = TakenSequences(cost);
    EXPECT_LE(MostGainOfACut(taken, cost, TotalsOf(all).weight / (1 - load)), 1e-9) << "round " << round;
    const BatchTotals sum = TotalsOf(taken);
    const double takes = cost.Seconds(sum.seats, sum.longest);
    const double index = sum.weight / takes * std::pow(std::min(1.0, sum.least_seconds / takes), kEfficiencyExponent);
    selection_.Clear(seats_);
    const Indexed greatest = BestByIndex(all, cost, seats_, kEfficiencyExponent);
    if (MostGainOfACut(greatest.members, cost, TotalsOf(all).weight / (1 - load)) > 0) continue;
    EXPECT_GE(index, 0.85 * greatest.index) << "round " << round;
    missed += index < (1 - 1e-9) * greatest.index ? 1 : 0;
    several += taken.size() > 1 ? 1 : 0;
  }
  EXPECT_GT(several, 400) << "too few batches of several to tell anything";
  EXPECT_LE(missed, 30);
}

TEST_F(DensityChoiceTest, CutsEveryBatchThatAPartOfItGainsByLeavingFirst) {
  const CostModel cost{0.005, 0, 0.001, 1e-5};
  DensityChoice choice({.age_exponent = kAgeExponent});
  for (int round = 0; round < 300; ++round) {
    Draw(random_.Between(2, 8), 3);
    Start(choice, cost);
    for (PendingRequest& request : requests_->all()) choice.ConsiderWaitingOf(request);
    choice.Weigh();
    choice.Take(selection_);
    EXPECT_LE(MostGainOfACut(TakenSequences(cost), cost, TotalsOf(AllSequences(cost)).weight), 1e-9)
        << "round " << round;
    selection_.Clear(seats_);
  }
}

// The rule (fill), with the batches that leave now as what a rider would pay later.
TEST_F(DensityChoiceTest, FindsARiderWorthItsSeatIffItSavesMoreThanItDelays) {
  const CostModel cost{0.02, 0, 0.001, 1e-4};
  const double load = 0.5;
  DensityChoice choice({.age_exponent = kAgeExponent});
  int worth = 0;
  int not_worth = 0;
  int otherwise_in_full_batches = 0;
  for (int round = 0; round < 3000; ++round) {
    Draw(random_.Between(2, 8), 6);
    seats_ *= 4;
    selection_.Clear(seats_);
    const auto usual_batch = static_cast<std::uint32_t>(random_.Between(1, seats_));
    Start(choice, cost, load, usual_batch);
    for (PendingRequest& request : requests_->all()) choice.ConsiderWaitingOf(request);
    choice.Weigh();
    choice.Take(selection_);
    BatchTotals batch = TotalsOf(TakenSequences(cost));
    const double all = TotalsOf(AllSequences(cost)).weight / (1 - load);
    for (PendingRequest& request : requests_->all()) {
      for (PendingSequence& rider : request.sequences) {
        if (rider.selected || rider.length > batch.longest || selection_.free_seats() == 0) continue;
        const double seat = cost.Seconds(batch.seats + 1, batch.longest) - cost.Seconds(batch.seats, batch.longest);
        const auto pays = [&](std::uint32_t sequences) {
          const std::uint32_t later = std::max(sequences, batch.seats + 1);
          const double saved = cost.Seconds(later, rider.length) / later - seat;
          return seat * batch.weight <= saved * (all - batch.weight);
        };
        const bool is_worth = pays(usual_batch);
        EXPECT_EQ(choice.Pays(rider, selection_), is_worth) << "round " << round;
        ++(is_worth ? worth : not_worth);
        otherwise_in_full_batches += pays(1) != pays(seats_) ? 1 : 0;
        if (!is_worth) continue;
        selection_.Take(rider);
        batch.weight += WeighedOf(rider, cost).weight;
        ++batch.seats;
      }
    }
    selection_.Clear(seats_);
  }
  EXPECT_GT(worth, 30);
  EXPECT_GT(not_worth, 30);
  EXPECT_GT(otherwise_in_full_batches, 10) << "the size of the batches makes no difference";
}

// What was refused, and whose riders were weighed, is forgotten with the batch.
TEST_F(DensityChoiceTest, FillsABatchAsIfItWereTheFirst) {
  const CostModel cost{0.02, 0, 0.001, 1e-4};
  const DensityChoice::Options options{.age_exponent = kAgeExponent};
  DensityChoice used(options);
  std::size_t riders = 0;
  for (int round = 0; round < 1000; ++round) {
    Draw(random_.Between(2, 8), 6);
    DensityChoice fresh(options);
    std::vector<PendingSequence*> first;
    for (DensityChoice* const choice : {&fresh, &used}) {
      Start(*choice, cost, 0.5, seats_);
      for (PendingRequest& request : requests_->all()) choice->ConsiderWaitingOf(request);
      choice->Weigh();
      choice->Take(selection_);
      const std::size_t taken = selection_.members().size();
      choice->Fill(selection_);
      if (choice == &fresh) {
        first = selection_.members();
        riders += first.size() - taken;
      }
      for (PendingSequence* const sequence : first) sequence->selected = false;
      EXPECT_EQ(selection_.members(), first) << "round " << round;
      selection_.Clear(seats_);
    }
  }
  EXPECT_GT(riders, 100U);
}

TEST_F(DensityChoiceTest, TakesTheDensestOfAllSetsOfWholeRequestsOrAPartOfOneThatIsLargerThanABatch) {
  const CostModel costs[] = {kFreeRiders, {0.005, 0, 0.001, 1e-5}};
  DensityChoice choice({.split = false, .age_exponent = kAgeExponent});
  for (int round = 0; round < 600; ++round) {
    const CostModel& cost = costs[round % 2];
    Draw(random_.Between(1, 8), 3);
    Start(choice, cost);
    choice.ChooseRequests(requests_->Pointers(), selection_);
    const double greatest = GreatestDensity(AllRequests(cost), cost, seats_);
    EXPECT_NEAR(BatchDensity(TotalsOf(TakenRequests(cost)), cost) / greatest, 1, 1e-9) << "round " << round;
    selection_.Clear(seats_);
  }
}

TEST_F(DensityChoiceTest, TakesTheDensestSetOfWholeRequestsIfAllOfThemFitAndRidersAreFree) {
  DensityChoice choice({.age_exponent = kAgeExponent});
  for (int round = 0; round < 300; ++round) {
    Draw(random_.Between(1, 8), 3);
    seats_ = 24;
    selection_.Clear(seats_);
    Start(choice, kFreeRiders);
    choice.ChooseUncontended(requests_->Pointers(), selection_);
    const double greatest = GreatestDensity(AllRequests(kFreeRiders), kFreeRiders, seats_);
    EXPECT_NEAR(BatchDensity(TotalsOf(TakenRequests(kFreeRiders)), kFreeRiders) / greatest, 1, 1e-9)
        << "round " << round;
    selection_.Clear(seats_);
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
