#include "services/proxy/scheduling/customers/backlog.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "common/random.h"

namespace smartbatch::scheduling {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

std::vector<Customer*> Collected(const Backlog& backlog, double limit, std::size_t most) {
  std::vector<Customer*> customers;
  backlog.Collect(limit, most, customers);
  return customers;
}

// Random steps on a backlog and on a plain list of its customers.
class RandomBacklog {
 public:
  explicit RandomBacklog(std::uint64_t seed) : random_(seed), customers_(40) {}

  void Step() {
    Customer& customer = customers_[static_cast<std::size_t>(random_.Between(0, 39))];
    const auto found = std::find(in_.begin(), in_.end(), &customer);
    if (found == in_.end()) {
      customer.counter += static_cast<double>(random_.Between(0, 20));
      backlog_.Add(customer);
      in_.push_back(&customer);
    } else if (random_.Between(0, 2) == 0) {
      backlog_.Remove(customer);
      in_.erase(found);
    } else {
      customer.counter += static_cast<double>(random_.Between(0, 20));
      backlog_.CounterGrew(customer);
    }
  }
  const Backlog& backlog() const { return backlog_; }
  const std::vector<Customer*>& in() const { return in_; }
  std::vector<Customer*> Within(double limit) const {
    std::vector<Customer*> within;
    std::copy_if(in_.begin(), in_.end(), std::back_inserter(within),
                 [&](const Customer* customer) { return customer->counter <= limit; });
    return within;
  }

 private:
  Random random_;
  std::deque<Customer> customers_;
  Backlog backlog_;
  std::vector<Customer*> in_;
};

bool HasLessCounter(const Customer* left, const Customer* right) { return left->counter < right->counter; }

TEST(Backlog, KnowsTheLeastAndTheGreatestCounterAfterAnyStep) {
  RandomBacklog random(1);
  for (int step = 0; step < 20'000; ++step) {
    random.Step();
    ASSERT_THAT(random.in(), SizeIs(random.backlog().size()));
    if (random.in().empty()) continue;
    const auto [least, greatest] = std::minmax_element(random.in().begin(), random.in().end(), HasLessCounter);
    ASSERT_EQ(random.backlog().LeastCounter(), (*least)->counter) << "step " << step;
    ASSERT_EQ(random.backlog().GreatestCounter(), (*greatest)->counter) << "step " << step;
  }
}

TEST(Backlog, CollectsExactlyThoseWithinTheLimit) {
  RandomBacklog random(2);
  for (int step = 0; step < 20'000; ++step) {
    random.Step();
    if (random.backlog().empty()) continue;
    const double limit = random.backlog().LeastCounter() + 30;
    ASSERT_THAT(Collected(random.backlog(), limit, 1000), testing::UnorderedElementsAreArray(random.Within(limit)))
        << "step " << step;
  }
}

TEST(Backlog, CollectsTheLeastFirstAndNoMoreThanAsked) {
  RandomBacklog random(3);
  for (int step = 0; step < 5'000; ++step) {
    random.Step();
    if (random.backlog().empty()) continue;
    const std::vector<Customer*> customers = Collected(random.backlog(), kNoLimit, 7);
    ASSERT_THAT(customers, SizeIs(std::min<std::size_t>(7, random.backlog().size())));
    ASSERT_EQ(customers.front()->counter, random.backlog().LeastCounter());
  }
}

TEST(Backlog, AppendsToWhatWasCollectedBefore) {
  Customer one;
  Customer two;
  two.counter = 5;
  Backlog backlog;
  backlog.Add(one);
  backlog.Add(two);
  std::vector<Customer*> customers = Collected(backlog, 4, 10);
  backlog.Collect(kNoLimit, 10, customers);
  EXPECT_THAT(customers, UnorderedElementsAre(&one, &one, &two));
}

TEST(Backlog, CollectsNothingIfNothingIsWithinTheLimit) {
  Customer one;
  one.counter = 1;
  Backlog backlog;
  EXPECT_THAT(Collected(backlog, kNoLimit, 10), IsEmpty());
  backlog.Add(one);
  EXPECT_THAT(Collected(backlog, 0.5, 10), IsEmpty());
  EXPECT_THAT(Collected(backlog, kNoLimit, 0), IsEmpty());
}

}  // namespace
}  // namespace smartbatch::scheduling
