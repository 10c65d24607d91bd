// Which running batches somebody still waits for.
#include "services/proxy/scheduling/batches/running_batches.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Running : public QueueFixture {
 protected:
  Batch Run(const std::vector<PendingRequest*>& requests) {
    Batch batch = Start(requests);
    running_.Add(batch);
    return batch;
  }
  std::vector<BatchId> AbandonedBy(PendingRequest& request) {
    const RequestId id = request.id;
    End(request);
    std::vector<BatchId> abandoned;
    running_.AppendAbandoned(id, abandoned);
    return abandoned;
  }

  const BackendId backend_ = backends_.Add("backend", 4, CostModel{});
  RunningBatches running_{pending_};
};

TEST_F(Running, ABatchIsAbandonedWithTheLastOfItsRequests) {
  PendingRequest& one = Add("a", {10, 20});
  PendingRequest& two = Add("a", {10});
  PendingRequest& elsewhere = Add("a", {10});
  const Batch batch = Run({&one, &two});
  const Batch other = Run({&elsewhere});
  EXPECT_THAT(AbandonedBy(one), IsEmpty());
  EXPECT_THAT(AbandonedBy(two), ElementsAre(batch.id));
  EXPECT_THAT(AbandonedBy(elsewhere), ElementsAre(other.id));  // and not the first one again
}

TEST_F(Running, ABatchThatEndsTellsHowManyOfItsMembersNobodyWaitsFor) {
  PendingRequest& one = Add("a", {10, 20});
  PendingRequest& two = Add("a", {10});
  const Batch batch = Run({&one, &two});
  const Batch other = Run({&Add("b", {10})});
  EXPECT_THAT(AbandonedBy(one), IsEmpty());
  const Batch ended = running_.Take(batch.id);
  EXPECT_EQ(ended.id, batch.id);
  EXPECT_EQ(ended.dead, 2U);
  EXPECT_EQ(running_.size(), 1U);
  EXPECT_EQ(running_.Take(other.id).dead, 0U);
}

}  // namespace
}  // namespace smartbatch::scheduling
