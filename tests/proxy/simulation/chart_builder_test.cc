// Which parts of a decision log and of a simulation are drawn.
#include "services/proxy/simulation/chart_builder.h"

#include <gmock/gmock.h>

#include "common/workload/workload.h"
#include "services/proxy/simulation/simulation.h"
#include "services/proxy/simulation/workload_feed.h"

namespace smartbatch::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;

constexpr Time At(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

log_lines::Start StartOf(std::uint32_t seats) {
  log_lines::Start start;
  start.options.max_batch_size = seats;
  return start;
}

// Two requests, the second of two sequences that travel apart; a third that is cancelled.
void TakeAll(ChartBuilder& builder) {
  builder.Take(StartOf(5));
  builder.Take(log_lines::BackendAdded{0, "b", 1, {}});
  builder.Take(log_lines::RequestAccepted{At(10), 0, "A", {100}, kNever});
  builder.Take(log_lines::BatchSent{At(10), 1, "density", 0, {{0, 0}}, 100, 0.01, "slot_free"});
  builder.Take(log_lines::RequestAccepted{At(12), 1, "B", {20, 200}, kNever});
  builder.Take(log_lines::RequestAccepted{At(13), 2, "A", {30}, kNever});
  builder.Take(log_lines::BatchEnded{At(20), 1, absl::StatusCode::kOk, false});
  builder.Take(log_lines::BatchSent{At(20), 2, "density", 0, {{1, 0}}, 20, 0.0004, "lane"});
  builder.Take(log_lines::BatchEnded{At(21), 2, absl::StatusCode::kOk, false});
  builder.Take(log_lines::RequestEnded{At(22), 2, scheduling::Outcome::kCancelled});
  builder.Take(log_lines::BatchSent{At(22), 3, "density", 0, {{1, 1}}, 200, 0.04, "slot_free"});
  builder.Take(log_lines::BatchEnded{At(62), 3, absl::StatusCode::kOk, false});
}

TEST(ChartBuilder, ARequestEndsWithTheLastOfItsSequencesOrWhenTheLogSaysSo) {
  ChartBuilder builder(0, 100);
  TakeAll(builder);
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  EXPECT_EQ(chart->seats, 5U);
  EXPECT_EQ(chart->from, At(10));
  EXPECT_THAT(chart->customers, ElementsAre("A", "B"));
  ASSERT_EQ(chart->requests.size(), 3U);
  EXPECT_EQ(chart->requests[0].end, At(20));
  EXPECT_EQ(chart->requests[1].end, At(62));
  EXPECT_TRUE(chart->requests[1].answered);
  EXPECT_EQ(chart->requests[2].end, At(22));
  EXPECT_FALSE(chart->requests[2].answered);
  ASSERT_EQ(chart->batches.size(), 3U);
  EXPECT_EQ(chart->batches[1].reason, "lane");
  EXPECT_THAT(chart->batches[2].rows, ElementsAre(Field(&timeline::ChartRow::length, 200U)));
  EXPECT_EQ(chart->batches[2].rows.front().request, chart->batches[1].rows.front().request);
}

TEST(ChartBuilder, KeepsWhatTouchesTheTimeFromOneArrivalToAnother) {
  ChartBuilder builder(1, 1);  // from 12 ms to 13 ms
  TakeAll(builder);
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  EXPECT_EQ(chart->from, At(12));
  EXPECT_EQ(chart->to, At(13));
  EXPECT_THAT(chart->requests,
              ElementsAre(Field(&timeline::ChartRequest::number, 0U), Field(&timeline::ChartRequest::number, 1U)));
  EXPECT_THAT(chart->batches, ElementsAre(Field(&timeline::ChartBatch::number, 1U)));
}

TEST(ChartBuilder, WhatEndedBeforeTheWindowIsForgotten) {
  ChartBuilder builder(ChartWindow{At(21), At(40)});
  TakeAll(builder);
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  EXPECT_THAT(chart->batches, ElementsAre(Field(&timeline::ChartBatch::number, 3U)));
  EXPECT_THAT(chart->requests,
              ElementsAre(Field(&timeline::ChartRequest::number, 1U), Field(&timeline::ChartRequest::number, 2U)));
}

TEST(ChartBuilder, ARowWhoseRequestIsMissingFromTheLogIsLeftOut) {
  ChartBuilder builder(0, 100);
  builder.Take(StartOf(5));
  builder.Take(log_lines::RequestAccepted{At(1), 0, "A", {10}, kNever});
  builder.Take(log_lines::Dropped{3});
  builder.Take(log_lines::BatchSent{At(2), 1, "sjf", 0, {{0, 0}, {0, 7}, {9, 0}}, 10, 0.01, "full"});
  builder.Take(log_lines::BatchEnded{At(3), 99, absl::StatusCode::kOk, false});
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  EXPECT_EQ(chart->batches.front().rows.size(), 1U);
}

TEST(ChartBuilder, ABackendsIdMayBeGivenAgainAndABackendThatWasNotNamedHasALane) {
  ChartBuilder builder(0, 100);
  builder.Take(StartOf(5));
  builder.Take(log_lines::BackendAdded{0, "first", 1, {}});
  builder.Take(log_lines::RequestAccepted{At(1), 0, "A", {10, 10, 10}, kNever});
  builder.Take(log_lines::BatchSent{At(2), 1, "sjf", 0, {{0, 0}}, 10, 0.01, "full"});
  builder.Take(log_lines::BackendRemoved{0});
  builder.Take(log_lines::BackendAdded{0, "second", 2, {}});
  builder.Take(log_lines::BatchSent{At(3), 2, "sjf", 0, {{0, 1}}, 10, 0.01, "full"});
  builder.Take(log_lines::BatchSent{At(4), 3, "sjf", 4'294'967'295, {{0, 2}}, 10, 0.01, "full"});
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  ASSERT_EQ(chart->backends.size(), 3U);
  EXPECT_EQ(chart->backends[chart->batches[0].backend].name, "first");
  EXPECT_EQ(chart->backends[chart->batches[1].backend].name, "second");
  EXPECT_EQ(chart->backends[chart->batches[2].backend].name, "backend 4294967295");
}

TEST(ChartBuilder, SaysSoIfNothingCameInTheWindow) {
  ChartBuilder builder(1000, 5);
  TakeAll(builder);
  EXPECT_TRUE(absl::IsNotFound(builder.Finish().status()));
}

TEST(ChartBuilder, AWindowEndsWithTheMostBatchesThatAreDrawn) {
  ChartBuilder builder(0, 1'000'000);
  builder.Take(StartOf(1));
  const int more = static_cast<int>(ChartBuilder::kMostBatches) + 100;
  for (int i = 0; i < more; ++i) {
    builder.Take(log_lines::RequestAccepted{At(i), static_cast<std::uint64_t>(i), "A", {10}, kNever});
    const auto batch = static_cast<std::uint64_t>(i) + 1;
    builder.Take(log_lines::BatchSent{At(i), batch, "fcfs", 0, {{batch - 1, 0}}, 10, 0.001, "full"});
    builder.Take(log_lines::BatchEnded{At(i + 1), batch, absl::StatusCode::kOk, false});
  }
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  EXPECT_EQ(chart->batches.size(), ChartBuilder::kMostBatches);
  EXPECT_EQ(chart->to, At(static_cast<std::int64_t>(ChartBuilder::kMostBatches)));
  EXPECT_LE(chart->requests.size(), ChartBuilder::kMostBatches + 1);
}

// A whole simulation: its own figures are the oracle.
TEST(ChartObserver, TheChartOfASimulationHasItsMeanLatencyAndItsBusyTime) {
  WorkloadFeed feed(workload::MakeBuiltin("seedopen", {}), {}, 1000);
  SimulationOptions options;
  options.strategy = {"density", {}};
  options.warmup_share = 0;
  ChartBuilder builder(0, 1'000'000);
  ChartObserver observer(builder, options.scheduler.max_batch_size);
  options.observer = &observer;
  const auto result = Simulate(feed, options);
  ASSERT_TRUE(result.ok()) << result.status();
  const auto chart = builder.Finish();
  ASSERT_TRUE(chart.ok()) << chart.status();
  double sum_ms = 0;
  for (const timeline::ChartRequest& request : chart->requests) {
    ASSERT_TRUE(request.answered);
    sum_ms += ToMilliseconds(*request.end - request.arrival);
  }
  EXPECT_EQ(chart->requests.size(), 1000U);
  EXPECT_NEAR(sum_ms / 1000, result->latency_ms.mean, 1e-6);
  double busy_seconds = 0;
  std::size_t rows = 0;
  for (const timeline::ChartBatch& batch : chart->batches) {
    busy_seconds += ToSeconds(*batch.end - batch.start);
    rows += batch.rows.size();
  }
  EXPECT_NEAR(busy_seconds / ToSeconds(chart->to - chart->from), result->busy_share, 1e-6);
  EXPECT_NEAR(static_cast<double>(rows) / static_cast<double>(chart->batches.size()), result->batch_sequences_mean,
              1e-9);
}

}  // namespace
}  // namespace smartbatch::simulation
