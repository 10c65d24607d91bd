// Deadlines as clients in other languages write them.
#include <string>

#include <gtest/gtest.h>

#include "tests/integration/stack.h"
#include "tests/reliability/raw_connection.h"

namespace smartbatch::testing {
namespace {

// Some 292 years are the `for ever` of clients in Java and Go; the others are the largest and an ordinary one.
TEST(Deadlines, HoweverFarAwayTheyAreTheCallIsAnswered) {
  ClassifierProcess classifier({"--cost-quadratic", "0"});
  ProxyProcess proxy(classifier.address());
  std::uint64_t answered = 0;
  for (const char* const timeout : {"2562047H", "2200000H", "99999999H", "99999999M", "20S"}) {
    RawConnection connection(proxy.address());
    ASSERT_TRUE(connection.Call(RawCall{.customer = "forever", .timeout = timeout}));
    ASSERT_TRUE(connection.WaitForEnds(1)) << timeout;
    const auto outcomes = proxy.Status().outcomes();
    EXPECT_EQ(outcomes.answered(), ++answered) << timeout << ": " << outcomes.ShortDebugString();
  }
}

}  // namespace
}  // namespace smartbatch::testing
