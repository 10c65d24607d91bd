#include "services/proxy/transport/customers/live_calls.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <vector>

#include <gmock/gmock.h>

namespace smartbatch::transport {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Entrance = LiveCalls::Entrance;

class NotedCall final : public LiveCall {
 public:
  void GiveUpRequest(Reason reason) override { requests_given_up.push_back(reason); }
  void GiveUpAnswer() override { ++answers_given_up; }

  std::vector<Reason> requests_given_up;
  int answers_given_up = 0;
};

constexpr Time At(Duration after) { return Time() + seconds(1000) + after; }

TEST(LiveCalls, AFloodOfRequestsThatComeAtOnceGivesNoneUp) {
  LiveCalls calls({.max_in_transit = 1000, .max_slow_requests = 2});
  std::list<NotedCall> flood(100);
  for (NotedCall& call : flood) EXPECT_EQ(calls.StartArriving(call, At(milliseconds(100))), Entrance::kAccepted);
  for (NotedCall& call : flood) EXPECT_TRUE(calls.StopArriving(call));
  EXPECT_EQ(calls.counts().requests_given_up, 0U);
}

TEST(LiveCalls, TheSlowestRequestMakesRoomForTheNext) {
  LiveCalls calls({.max_in_transit = 1000, .max_slow_requests = 2});
  std::list<NotedCall> slow(3);
  Duration time{};
  for (NotedCall& call : slow) EXPECT_EQ(calls.StartArriving(call, At(time += milliseconds(500))), Entrance::kAccepted);
  EXPECT_THAT(slow.front().requests_given_up, ElementsAre(LiveCall::Reason::kCrowdedOut));
  EXPECT_FALSE(calls.StopArriving(slow.front())) << "it has been answered";
  slow.pop_front();
  for (NotedCall& call : slow) EXPECT_TRUE(calls.StopArriving(call));
}

TEST(LiveCalls, WhatTakesTooLongIsGivenUpAndNothingElse) {
  LiveCalls calls({.timeout = seconds(10)});
  NotedCall late;
  NotedCall in_time;
  NotedCall untaken;
  NotedCall taken;
  calls.StartArriving(late, At(seconds(0)));
  calls.StartLeaving(untaken, At(seconds(0)));
  calls.StartArriving(in_time, At(seconds(1)));
  calls.StartLeaving(taken, At(seconds(1)));
  calls.Sweep(At(seconds(10)));
  EXPECT_THAT(late.requests_given_up, ElementsAre(LiveCall::Reason::kTooLate));
  EXPECT_THAT(in_time.requests_given_up, IsEmpty());
  EXPECT_EQ(untaken.answers_given_up, 1);
  EXPECT_EQ(taken.answers_given_up, 0);
  EXPECT_TRUE(calls.StopArriving(in_time));
  calls.StopLeaving(untaken);  // the event comes all the same
  calls.StopLeaving(taken);
  EXPECT_EQ(calls.counts().arriving + calls.counts().leaving, 0U);
}

TEST(LiveCalls, BeyondTheBoundCallsAreRefusedAndThoseThatDoNotTakeTheRefusalAreCancelled) {
  LiveCalls calls({.max_in_transit = 20});
  std::list<NotedCall> all(24);
  std::vector<Entrance> entrances;
  for (NotedCall& call : all) {
    entrances.push_back(calls.StartArriving(call, At({})));
    if (entrances.back() == Entrance::kRefused) calls.StartLeaving(call, At({}));
  }
  EXPECT_EQ(std::count(entrances.begin(), entrances.end(), Entrance::kAccepted), 20);
  EXPECT_EQ(std::count(entrances.begin(), entrances.end(), Entrance::kRefused), 3);
  EXPECT_EQ(entrances.back(), Entrance::kHopeless);
  for (NotedCall& call : all) {
    calls.StopArriving(call);
    calls.StopLeaving(call);
  }
}

TEST(LiveCalls, AnAnswerThatIsNotTakenForASecondMakesRoom) {
  LiveCalls calls({.max_in_transit = 2});
  NotedCall older;
  NotedCall newer;
  NotedCall next;
  calls.StartLeaving(older, At(seconds(0)));
  calls.StartLeaving(newer, At(milliseconds(500)));
  EXPECT_EQ(calls.StartArriving(next, At(milliseconds(900))), Entrance::kRefused);
  EXPECT_EQ(calls.StartArriving(next, At(milliseconds(1000))), Entrance::kAccepted);
  EXPECT_EQ(older.answers_given_up, 1);
  EXPECT_EQ(newer.answers_given_up, 0);
  calls.StopLeaving(newer);
  calls.StopArriving(next);
}

}  // namespace
}  // namespace smartbatch::transport
