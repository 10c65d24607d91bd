// A customer that comes back keeps its lag behind the others, and no customer saves anything up.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

#include "common/random.h"
#include "services/proxy/scheduling/customers/customer_accounts.h"

namespace smartbatch::scheduling {
namespace {

using std::chrono::seconds;

constexpr Time kStart{};
constexpr LagAllowance kAllowance{0.3, seconds(10)};

class KeptLag : public testing::Test {
 protected:
  KeptLag() {
    for (const char* const name : {"hog", "one"}) {
      accounts_.LeftIdle(accounts_.Open(name));
      Come(name, {}, kStart);
    }
  }

  void Come(const char* name, const LagAllowance& allowance, Time now) {
    accounts_.Find(name)->waiting_requests = 1;
    accounts_.BecameBacklogged(*accounts_.Find(name), allowance, now);
  }
  void Leave(const char* name, Time now) {
    accounts_.Find(name)->waiting_requests = 0;
    accounts_.BecameUnbacklogged(*accounts_.Find(name), now);
  }
  void Charge(const char* name, double charged_seconds) { accounts_.Charge(*accounts_.Find(name), charged_seconds); }
  double Counter(const char* name) { return accounts_.Find(name)->counter; }

  CustomerAccounts accounts_{10};
};

TEST_F(KeptLag, IsWhatTheOthersWereServedMeanwhileLessItsOwnLastBatch) {
  Charge("hog", 0.2);
  Leave("one", kStart);
  Charge("one", 0.05);  // for its last batch
  Charge("hog", 0.4);   // while it is away
  Come("one", kAllowance, kStart + seconds(1));
  EXPECT_DOUBLE_EQ(Counter("one"), Counter("hog") - 0.15);
}

TEST_F(KeptLag, EndsAtTheAllowance) {
  Charge("hog", 5);
  Leave("one", kStart);
  Come("one", kAllowance, kStart + seconds(1));
  EXPECT_DOUBLE_EQ(Counter("one"), Counter("hog") - 0.3);
}

TEST_F(KeptLag, IsForgottenAfterALongerAbsenceAndNotBefore) {
  Charge("hog", 0.2);
  Leave("one", kStart);
  Come("one", kAllowance, kStart + seconds(10));
  EXPECT_DOUBLE_EQ(Counter("one"), Counter("hog") - 0.2);
  Leave("one", kStart + seconds(10));
  Come("one", kAllowance, kStart + seconds(21));
  EXPECT_DOUBLE_EQ(Counter("one"), Counter("hog"));
}

TEST_F(KeptLag, IsNoneForANewcomerNorForWhoeverIsAhead) {
  Charge("hog", 5);
  Charge("one", 6);
  Leave("one", kStart);
  Come("one", kAllowance, kStart);
  EXPECT_DOUBLE_EQ(Counter("one"), 6);
  accounts_.LeftIdle(accounts_.Open("new"));
  Come("new", kAllowance, kStart);
  EXPECT_DOUBLE_EQ(Counter("new"), 5);
}

// --- Random lives ---

// How much of an absence counts as lag: none, which is the rule, or all of it, which would be saving up.
enum class Absence { kEarnsNothing, kCountsAsLag };

// The largest of each, in seconds over weight.
struct Extremes {
  double beyond = 0;  // what a customer was charged more than the first one, from any moment to a later one
  double ahead = 0;   // ahead of virtual time
  double behind = 0;  // behind virtual time
  double gap = 0;     // between two counters
};

// Customers of random weights come and go, and are served as by weighted_fair: any of those within the window of the
// least counter, most often the one that is furthest ahead. The first one never leaves.
class RandomLife {
 public:
  static constexpr double kWindow = 0.3;
  static constexpr double kMostCharge = 0.1;
  static constexpr double kLeastWeight = 0.5;

  RandomLife(std::uint64_t seed, Absence absence) : random_(seed), absence_(absence) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = std::to_string(i);
      accounts_.Configure(name, {.weight = kLeastWeight + 2 * random_.Uniform()});
      Customer& customer = *accounts_.Find(name);
      customers_.push_back({&customer});
      Come(customer);
    }
  }

  void Step() {
    now_ += std::chrono::milliseconds(random_.Between(0, 100));
    if (random_.Chance(0.3)) {
      Customer& customer = *customers_[static_cast<std::size_t>(random_.Between(1, 5))].account;
      customer.waiting_requests > 0 ? Leave(customer) : Come(customer);
    }
    Serve();
    Watch();
  }

  const Extremes& extremes() const { return most_; }

 private:
  struct Watched {
    Customer* account;
    // The least difference so far between what this and the first customer were charged over their weights.
    double least_beyond = 0;
  };

  void Come(Customer& customer) {
    LagAllowance allowance{kWindow, seconds(10)};
    if (absence_ == Absence::kCountsAsLag) {
      customer.departure = {now_, accounts_.virtual_time()};
      allowance.most_seconds = std::numeric_limits<double>::infinity();
    }
    customer.waiting_requests = 1;
    accounts_.BecameBacklogged(customer, allowance, now_);
  }
  void Leave(Customer& customer) {
    customer.waiting_requests = 0;
    accounts_.BecameUnbacklogged(customer, now_);
  }
  void Serve() {
    std::vector<Customer*> eligible;
    accounts_.backlogged().Collect(accounts_.backlogged().LeastCounter() + kWindow, 6, eligible);
    Customer* served = *std::max_element(eligible.begin(), eligible.end(),
                                         [](const Customer* a, const Customer* b) { return a->counter < b->counter; });
    if (random_.Chance(0.3)) {
      served = eligible[static_cast<std::size_t>(random_.Between(0, static_cast<std::int64_t>(eligible.size()) - 1))];
    }
    accounts_.Charge(*served, kMostCharge * random_.Uniform());
  }
  void Watch() {
    const auto served = [](const Customer& customer) { return customer.charged_seconds / customer.policy.weight; };
    for (Watched& watched : customers_) {
      const double beyond = served(*watched.account) - served(*customers_.front().account);
      watched.least_beyond = std::min(watched.least_beyond, beyond);
      most_.beyond = std::max(most_.beyond, beyond - watched.least_beyond);
      if (watched.account->waiting_requests == 0) continue;
      most_.ahead = std::max(most_.ahead, watched.account->counter - accounts_.virtual_time());
      most_.behind = std::max(most_.behind, accounts_.virtual_time() - watched.account->counter);
    }
    most_.gap = std::max(most_.gap, accounts_.FairnessGapSeconds());
  }

  Random random_;
  const Absence absence_;
  CustomerAccounts accounts_{10};
  Time now_{};
  std::vector<Watched> customers_;
  Extremes most_;
};

// weighted_fair.cc derives these: D is the window, which is also the most lag that is kept, c the largest charge over
// weight.
constexpr double kD = RandomLife::kWindow;
constexpr double kC = RandomLife::kMostCharge / RandomLife::kLeastWeight;
constexpr double kRounding = 1e-9;

Extremes Live(std::uint64_t seed, Absence absence) {
  RandomLife life(seed, absence);
  for (int i = 0; i < 3000; ++i) life.Step();
  return life.extremes();
}

// The largest of each over many lives.
Extremes LiveOften(Absence absence) {
  Extremes most;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const Extremes one = Live(seed, absence);
    most.beyond = std::max(most.beyond, one.beyond);
    most.ahead = std::max(most.ahead, one.ahead);
    most.behind = std::max(most.behind, one.behind);
    most.gap = std::max(most.gap, one.gap);
  }
  return most;
}

TEST(KeptLagOverRandomLives, LetsNobodyGetMoreThanWhoeverWaitsThroughoutButForTheBound) {
  const Extremes most = LiveOften(Absence::kEarnsNothing);
  EXPECT_LE(most.beyond, 3 * kD + 2 * kC + kRounding);
  EXPECT_GT(most.beyond, kD + kC);  // so the bound is not an empty claim
}

TEST(KeptLagOverRandomLives, HoldsTheCountersBetweenTheAllowanceAndTheWindowWithOneBatch) {
  const Extremes most = LiveOften(Absence::kEarnsNothing);
  EXPECT_LE(most.ahead, kD + kC + kRounding);
  EXPECT_LE(most.behind, kD + kRounding);
  EXPECT_LE(most.gap, 2 * kD + kC + kRounding);
  EXPECT_GT(most.gap, kD + kC);  // lag makes it wider
}

// The control: if idleness counted too, a customer that stays away would save up and then have the backend to itself.
TEST(KeptLagOverRandomLives, WouldLetWhoeverStaysAwaySaveUpIfAbsenceCounted) {
  const Extremes most = LiveOften(Absence::kCountsAsLag);
  EXPECT_GT(most.beyond, 3 * kD + 2 * kC);
  EXPECT_GT(most.behind, kD);
  EXPECT_GT(most.gap, 2 * kD + kC);
}

}  // namespace
}  // namespace smartbatch::scheduling
