// Requests that are tried again alone: in which order, and where.
#include "services/proxy/scheduling/batches/lone_retries.h"

#include <gtest/gtest.h>

#include "tests/proxy/scheduling/queue_fixture.h"

namespace smartbatch::scheduling {
namespace {

class TryingAgainAlone : public QueueFixture {
 protected:
  // Puts both into one batch, which that backend fails for its content.
  void FailTogether(PendingRequest& one, PendingRequest& two, BackendId backend) {
    const Batch batch = Start({&one, &two}, backend);
    backends_.FailedForContent(backend, now_);
    for (const BatchMember& member : batch.members) {
      pending_.ReturnToWaiting(pending_.Find(member.request)->sequences[member.sequence], true);
      retries_.Add(member, backend);
    }
  }
  // The backend of the next retry, with the request in `selected_`.
  std::optional<BackendId> Select() {
    selection_.Clear(5);
    const auto backend = retries_.Select(backends_, now_, selection_);
    selected_ = selection_.empty() ? nullptr : selection_.members().front()->request;
    return backend;
  }

  const BackendId first_ = backends_.Add("first", 1, CostModel{});
  LoneRetries retries_{pending_};
  Selection selection_;
  PendingRequest* selected_ = nullptr;
  PendingRequest& one_ = Add("a", {10});
  PendingRequest& two_ = Add("b", {20});
};

TEST_F(TryingAgainAlone, TakesTheOldestByItself) {
  EXPECT_TRUE(retries_.empty());
  EXPECT_EQ(Select(), std::nullopt);
  FailTogether(one_, two_, first_);
  EXPECT_FALSE(retries_.empty());
  EXPECT_EQ(Select(), first_);  // there is no other
  EXPECT_EQ(selected_, &one_);
  EXPECT_EQ(selection_.members().size(), 1U);
  EXPECT_EQ(selection_.reason(), DispatchReason::kRetry);
  EXPECT_EQ(Select(), first_);
  EXPECT_EQ(selected_, &two_);
  EXPECT_TRUE(retries_.empty());
}

TEST_F(TryingAgainAlone, WaitsForAnotherBackendThanTheOneThatFailedIt) {
  const BackendId other = backends_.Add("other", 1, CostModel{});
  FailTogether(one_, two_, first_);
  backends_.Started(other);
  EXPECT_EQ(Select(), std::nullopt);
  EXPECT_EQ(selected_, nullptr);
  backends_.Ended(other);
  EXPECT_EQ(Select(), other);
  backends_.Remove(other);
  EXPECT_EQ(Select(), first_);
  EXPECT_EQ(selected_, &two_);
}

TEST_F(TryingAgainAlone, SkipsWhatHasEndedEvenIfTheSlotNamesAnotherRequest) {
  FailTogether(one_, two_, first_);
  End(one_);
  PendingRequest& newer = Add("c", {30});
  ASSERT_EQ(&newer, &one_);
  ASSERT_NE(retries_.Oldest(), nullptr);
  EXPECT_EQ(retries_.Oldest()->request, &two_);
  End(two_);
  EXPECT_EQ(retries_.Oldest(), nullptr);
  EXPECT_TRUE(retries_.empty());
}

}  // namespace
}  // namespace smartbatch::scheduling
