#include "services/proxy/runtime/obligation.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace smartbatch::runtime {
namespace {

using ::testing::ElementsAre;

class Calls {
 public:
  Obligation<int> Make() {
    return Obligation<int>([this](absl::StatusOr<int> value) {
      calls.push_back(value.ok() ? std::to_string(*value) : absl::StatusCodeToString(value.status().code()));
    });
  }
  std::vector<std::string> calls;
};

TEST(Obligation, TellsItsValueOnce) {
  Calls told;
  {
    Obligation<int> owed = told.Make();
    std::move(owed).Fulfil(7);
  }
  EXPECT_THAT(told.calls, ElementsAre("7"));
}

TEST(Obligation, IsMetWithAnErrorIfItIsDropped) {
  Calls told;
  { const Obligation<int> owed = told.Make(); }
  EXPECT_THAT(told.calls, ElementsAre("INTERNAL"));
}

TEST(Obligation, IsMetWithAnErrorIfAnotherTakesItsPlace) {
  Calls told;
  Obligation<int> owed = told.Make();
  owed = told.Make();
  EXPECT_THAT(told.calls, ElementsAre("INTERNAL"));
  std::move(owed).Fulfil(1);
  EXPECT_THAT(told.calls, ElementsAre("INTERNAL", "1"));
}

TEST(Obligation, MovesWithItsDuty) {
  Calls told;
  Obligation<int> first = told.Make();
  Obligation<int> second = std::move(first);
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): the claim is that nothing is owed any more
  EXPECT_TRUE(second);
  std::move(second).Fulfil(3);
  EXPECT_THAT(told.calls, ElementsAre("3"));
}

TEST(Obligation, OwesNothingWhenItIsNew) { EXPECT_FALSE(Obligation<int>()); }

}  // namespace
}  // namespace smartbatch::runtime
