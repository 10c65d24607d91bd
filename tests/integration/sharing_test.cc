// Several proxies in front of one classifier.
#include <chrono>
#include <thread>

#include <gtest/gtest.h>

#include "tests/integration/load.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

TEST(Sharing, TwoProxiesGetTheirPartsOfAClassifierThatRefusesWhileItIsBusy) {
  const Flags cost = {"--cost-fixed", "0.01", "--cost-quadratic", "0"};
  Flags classifier_flags = cost;
  classifier_flags.insert(classifier_flags.end(), {"--slots", "1", "--max-waiting", "0"});
  ClassifierProcess classifier(classifier_flags);
  ProxyProcess first(classifier.address(), cost);
  ProxyProcess second(classifier.address(), cost);
  // The first proxy has the slot when the second one comes.
  Load first_load(first.address(), {.callers = 16});
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  Load second_load(second.address(), {.callers = 16});
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::uint64_t first_before = first_load.ended(grpc::StatusCode::OK);
  const std::uint64_t second_before = second_load.ended(grpc::StatusCode::OK);
  std::this_thread::sleep_for(std::chrono::seconds(5));
  const auto first_part = static_cast<double>(first_load.ended(grpc::StatusCode::OK) - first_before);
  const auto second_part = static_cast<double>(second_load.ended(grpc::StatusCode::OK) - second_before);
  first_load.Stop();
  second_load.Stop();
  EXPECT_GE(first_part, (first_part + second_part) / 3);
  EXPECT_GE(second_part, (first_part + second_part) / 3);
  for (const Load* const load : {&first_load, &second_load}) {
    EXPECT_EQ(load->ended(grpc::StatusCode::OK), load->issued()) << load->Describe();
    EXPECT_EQ(load->wrong(), 0U);
  }
  EXPECT_TRUE(first.Status().backends(0).up());
}

}  // namespace
}  // namespace smartbatch::testing
