// Which accounts are kept, and how long that takes.
#include "services/proxy/scheduling/customers/customer_accounts.h"

#include <chrono>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "services/proxy/scheduling/scheduler.h"

namespace smartbatch::scheduling {
namespace {

// Thousands of customers more than accounts that may be idle. Each step is tens of milliseconds of work; when it looked
// at all idle accounts for each customer it took 20 s and more.
constexpr int kMany = 30'000;
constexpr std::size_t kMostIdle = 10'000;
constexpr double kMostSeconds = 2;

std::string NameOf(int number) { return "customer-" + std::to_string(number); }

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

TEST(CustomerAccounts, KeepsAllConfiguredOnesAndTheIdleOthersThatLeftLast) {
  CustomerAccounts accounts(2);
  for (const char* const name : {"granted-1", "granted-2", "granted-3"}) accounts.Configure(name, {.weight = 2});
  for (const char* const name : {"a", "b", "c"}) {
    accounts.LeftIdle(accounts.Open(name));
    accounts.BecameIdle(*accounts.Find(name));
  }
  EXPECT_EQ(accounts.size(), 5U);
  EXPECT_EQ(accounts.Find("a"), nullptr);
  EXPECT_NE(accounts.Find("b"), nullptr);
  accounts.Configure("b", {.weight = 3});  // it does not count as idle any more
  accounts.LeftIdle(accounts.Open("d"));
  accounts.BecameIdle(*accounts.Find("d"));
  EXPECT_EQ(accounts.size(), 6U);
  accounts.Unconfigure("granted-1");
  EXPECT_EQ(accounts.Find("c"), nullptr);
  EXPECT_EQ(accounts.Find("granted-1")->policy, CustomerPolicy{});
  accounts.Unconfigure("granted-1");  // a second time: nothing happens
  EXPECT_EQ(accounts.size(), 5U);
}

TEST(CustomerAccounts, KeepsTheAccountOfACustomerWithRequestsWhosePolicyIsTakenBack) {
  CustomerAccounts accounts(0);
  accounts.Configure("busy", {.weight = 2});
  Customer& busy = *accounts.Find("busy");
  busy.live_requests = 1;
  accounts.Unconfigure("busy");
  EXPECT_EQ(accounts.Find("busy"), &busy);
  busy.live_requests = 0;
  accounts.BecameIdle(busy);
  EXPECT_EQ(accounts.Find("busy"), nullptr);
}

TEST(CustomerAccounts, AReloadThatBringsOrTakesThirtyThousandIsDoneAtOnce) {
  SchedulerOptions options;
  options.max_idle_accounts = kMostIdle;
  const auto scheduler = *Scheduler::Create(options, {"fcfs", {}}, nullptr);
  std::map<std::string, CustomerPolicy> policies;
  for (int i = 0; i < kMany; ++i) policies[NameOf(i)] = {.weight = 2};
  const auto start = std::chrono::steady_clock::now();
  scheduler->ConfigureCustomers(policies);
  EXPECT_EQ(scheduler->customers().size(), policies.size());
  scheduler->ConfigureCustomers({});
  EXPECT_EQ(scheduler->customers().size(), kMostIdle);
  EXPECT_LT(SecondsSince(start), kMostSeconds);
}

TEST(CustomerAccounts, TheEndOfARequestLooksAtNoOtherAccountHoweverManyAreConfigured) {
  CustomerAccounts accounts(kMostIdle);
  for (int i = 0; i < kMany; ++i) accounts.Configure(NameOf(i), {});
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < kMany; ++i) {
    Customer& customer = *accounts.Find(NameOf(i));
    accounts.LeftIdle(customer);
    accounts.BecameIdle(customer);
  }
  EXPECT_LT(SecondsSince(start), kMostSeconds);
}

}  // namespace
}  // namespace smartbatch::scheduling
