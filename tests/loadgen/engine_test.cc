// The measuring engine against a server in this process.
#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "common/statistics.h"
#include "common/utf8.h"
#include "tests/loadgen/scripted_proxy.h"
#include "tools/loadgen/admin/strategy_restorer.h"
#include "tools/loadgen/engine/block.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/engine/pacer.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

workload::Workload OneCustomer(workload::ArrivalModel arrivals) {
  workload::Workload workload;
  workload.name = "one";
  workload.customers.push_back({"solo", arrivals, {1, 3, workload::UniformLength{5, 15}}});
  return workload;
}

struct Played {
  std::vector<RequestRecord> records;
  std::map<int, std::string> messages;
};

Played Play(const workload::Workload& workload, const std::string& target, const BlockOptions& options,
            Duration deadline = seconds(5), std::stop_token stop = {}) {
  const TextSource text = TextSource::BuiltIn();
  ArrivalPlan plan(workload, workload::Seeds::All(1), text);
  auto client = Client::Connect({{target}, 2, 2, deadline}, seconds(5));
  EXPECT_TRUE(client.ok()) << client.status();
  RunRecorder recorder;
  PlayBlock(options, plan, **client, recorder, stop);
  EXPECT_EQ(recorder.Live().in_flight(), 0U);
  return {recorder.TakeRecords(), recorder.TakeMessages()};
}

BlockOptions Length(Duration length) {
  BlockOptions options;
  options.length = length;
  return options;
}

TEST(Engine, OpenLoopSendsEveryArrivalOfThePlanOnce) {
  const ScriptedProxy server;
  const workload::Workload workload = OneCustomer(workload::Poisson{500});
  const Played played = Play(workload, server.address(), Length(seconds(1)));

  workload::ArrivalSource expected(workload.customers[0].arrivals, 1, 0);
  std::multiset<Duration> arrivals;
  for (Time arrival = expected.Next(); arrival < Time(seconds(1)); arrival = expected.Next()) {
    arrivals.insert(arrival.time_since_epoch());
  }
  std::multiset<Duration> scheduled;
  for (const RequestRecord& record : played.records) scheduled.insert(record.scheduled);
  EXPECT_EQ(scheduled, arrivals);
}

// Answers every call with OK and bytes that are not an answer.
class DamagingProxy final
    : public proxy::v1::ProxyService::WithRawCallbackMethod_ProxyClassify<proxy::v1::ProxyService::Service> {
 public:
  grpc::ServerUnaryReactor* ProxyClassify(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                          grpc::ByteBuffer* response) override {
    const grpc::Slice bytes(std::string(20, '\xff'));
    *response = grpc::ByteBuffer(&bytes, 1);
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

TEST(Engine, AnAnswerThatIsDamagedIsAFailure) {
  int port = 0;
  DamagingProxy service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const Played played =
      Play(OneCustomer(workload::Poisson{50}), "127.0.0.1:" + std::to_string(port), Length(milliseconds(500)));
  ASSERT_FALSE(played.records.empty());
  for (const RequestRecord& record : played.records) EXPECT_EQ(StatusName(record.status_code), "INTERNAL");
}

// Answers every call with a result less than it has sequences.
class MiserlyProxy final : public proxy::v1::ProxyService::Service {
 public:
  grpc::Status ProxyClassify(grpc::ServerContext*, const proxy::v1::ProxyClassifyRequest* request,
                             proxy::v1::ProxyClassifyResponse* response) override {
    for (int i = 1; i < request->sequences_size(); ++i) response->add_results();
    return grpc::Status::OK;
  }
};

TEST(Engine, AnAnswerWithoutAResultForEachSequenceIsAFailure) {
  int port = 0;
  MiserlyProxy service;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const Played played =
      Play(OneCustomer(workload::Poisson{50}), "127.0.0.1:" + std::to_string(port), Length(milliseconds(500)));
  ASSERT_FALSE(played.records.empty());
  for (const RequestRecord& record : played.records) EXPECT_EQ(StatusName(record.status_code), "INTERNAL");
}

TEST(Engine, AStalledServerShowsInTheLatencyOfAllThatWasDueMeanwhile) {
  // The coordinated omission test: one call at a time, and one of them takes 600 ms.
  std::mutex one_at_a_time;
  std::atomic<int> calls = 0;
  const ScriptedProxy server([&](const ReceivedCall&) {
    const std::scoped_lock lock(one_at_a_time);
    if (++calls == 20) std::this_thread::sleep_for(milliseconds(600));
    return grpc::Status::OK;
  });
  const Played played = Play(OneCustomer(workload::ConstantRate{100}), server.address(), Length(seconds(1)));
  Sample latencies;
  for (const RequestRecord& record : played.records) latencies.Add(record.latency_ms());
  EXPECT_EQ(latencies.count(), 99U);
  // 60 requests were due during the stall and waited 300 ms on average.
  EXPECT_GT(latencies.Mean(), 120);
  EXPECT_GT(latencies.Percentile(75), 200);
}

TEST(Engine, ALateGeneratorCountsItsOwnDelayIn) {
  RequestRecord record;
  record.scheduled = milliseconds(100);
  record.sent = milliseconds(140);
  record.done = milliseconds(150);
  EXPECT_DOUBLE_EQ(record.latency_ms(), 50);
  EXPECT_DOUBLE_EQ(record.dispatch_delay_ms(), 40);
}

TEST(Engine, AClosedLoopWaitsForTheAnswerAndThinks) {
  std::atomic<int> open = 0;
  std::atomic<int> most_open = 0;
  const ScriptedProxy server([&](const ReceivedCall& call) {
    EXPECT_EQ(call.customer, "solo");
    most_open = std::max(most_open.load(), ++open);
    std::this_thread::sleep_for(milliseconds(20));
    --open;
    return grpc::Status::OK;
  });
  const Played played =
      Play(OneCustomer(workload::ClosedLoop{milliseconds(30)}), server.address(), Length(milliseconds(1000)));
  EXPECT_EQ(most_open, 1);
  EXPECT_LE(played.records.size(), 20U);  // 1000 / (20 + 30)
  EXPECT_GE(played.records.size(), 15U);
  for (std::size_t i = 1; i < played.records.size(); ++i) {
    EXPECT_EQ(played.records[i].scheduled, played.records[i - 1].done + milliseconds(30));
  }
}

TEST(Engine, CountsErrorsByCodeWithTheirFirstMessage) {
  std::atomic<int> calls = 0;
  const ScriptedProxy server([&](const ReceivedCall&) -> grpc::Status {
    const int call = ++calls;
    if (call % 3 == 0) return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the queue is full"};
    return grpc::Status::OK;
  });
  const Played played =
      Play(OneCustomer(workload::ClosedLoop{milliseconds(2)}), server.address(), Length(milliseconds(300)));
  std::size_t refused = 0;
  for (const RequestRecord& record : played.records) {
    if (!record.answered()) {
      EXPECT_EQ(StatusName(record.status_code), "RESOURCE_EXHAUSTED");
      ++refused;
    }
  }
  EXPECT_EQ(refused, played.records.size() / 3);
  EXPECT_EQ(played.messages, (std::map<int, std::string>{{8, "the queue is full"}}));
}

TEST(Engine, EveryCallHasItsDeadline) {
  const ScriptedProxy server([](const ReceivedCall&) {
    std::this_thread::sleep_for(milliseconds(300));
    return grpc::Status::OK;
  });
  const Played played =
      Play(OneCustomer(workload::ConstantRate{20}), server.address(), Length(milliseconds(120)), milliseconds(50));
  ASSERT_EQ(played.records.size(), 2U);
  for (const RequestRecord& record : played.records) EXPECT_EQ(StatusName(record.status_code), "DEADLINE_EXCEEDED");
}

TEST(Engine, CountsWhatItCouldNotSend) {
  const ScriptedProxy server([](const ReceivedCall&) {
    std::this_thread::sleep_for(milliseconds(200));
    return grpc::Status::OK;
  });
  BlockOptions options = Length(milliseconds(105));
  options.max_in_flight = 3;
  const Played played = Play(OneCustomer(workload::ConstantRate{100}), server.address(), options);
  EXPECT_EQ(played.records.size(), 10U);
  EXPECT_EQ(std::count_if(played.records.begin(), played.records.end(),
                          [](const RequestRecord& record) { return record.status_code == kStatusNotSent; }),
            7);
}

TEST(Engine, AStopEndsTheBlockAndAccountsForWhatIsOpen) {
  std::atomic<bool> release = false;
  const ScriptedProxy server([&](const ReceivedCall&) {
    while (!release) std::this_thread::sleep_for(milliseconds(5));
    return grpc::Status::OK;
  });
  BlockOptions options = Length(seconds(60));
  options.interrupted_drain = milliseconds(50);
  std::stop_source stop;
  const std::jthread stopper([&] {
    std::this_thread::sleep_for(milliseconds(100));
    stop.request_stop();
  });
  const Time start = Now();
  const Played played =
      Play(OneCustomer(workload::ConstantRate{50}), server.address(), options, seconds(5), stop.get_token());
  release = true;
  EXPECT_LT(Now() - start, seconds(3));
  ASSERT_GE(played.records.size(), 2U);
  for (const RequestRecord& record : played.records) EXPECT_EQ(record.status_code, kStatusUnfinished);
}

TEST(Engine, SendsTheWorkloadsTextAndReadsTheTimings) {
  const ScriptedProxy server([](const ReceivedCall& call) {
    for (const std::string& sequence : call.request.sequences()) {
      const auto length = CountCodePoints(sequence);
      EXPECT_TRUE(length && *length >= 5 && *length <= 15) << sequence;
    }
    return grpc::Status::OK;
  });
  const Played played = Play(OneCustomer(workload::ConstantRate{50}), server.address(), Length(milliseconds(200)));
  ASSERT_FALSE(played.records.empty());
  for (const RequestRecord& record : played.records) {
    EXPECT_EQ(record.strategy, "fair");
    EXPECT_EQ(record.batches, 1U);
    EXPECT_DOUBLE_EQ(record.batch_share, 1);
  }
}

TEST(Client, SaysIfNoServerAnswers) {
  const auto client = Client::Connect({{"127.0.0.1:1"}, 1, 1, seconds(1)}, milliseconds(100));
  ASSERT_FALSE(client.ok());
  EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(client.status().message()), ::testing::HasSubstr("127.0.0.1:1"));
}

TEST(Pacer, CallsInTheOrderOfTheMomentsWhateverTheOrderOfTheAppointments) {
  std::vector<std::uint32_t> called;
  Pacer pacer([&](std::uint32_t customer, Time) { called.push_back(customer); });
  const Time start = Now();
  pacer.At(start + milliseconds(20), 2);
  pacer.At(start + milliseconds(40), 4);
  pacer.At(start + milliseconds(10), 1);
  pacer.At(start + milliseconds(30), 3);
  pacer.RunUntil(start + milliseconds(40), {});
  EXPECT_EQ(called, (std::vector<std::uint32_t>{1, 2, 3}));
}

TEST(Pacer, NeitherSkipsNorMovesWhatItIsLateFor) {
  std::vector<Time> moments;
  const Time start = Now();
  Pacer pacer([&](std::uint32_t, Time moment) {
    if (moments.empty()) std::this_thread::sleep_for(milliseconds(30));
    moments.push_back(moment);
  });
  for (int i = 0; i < 5; ++i) pacer.At(start + milliseconds(i), 0);
  pacer.RunUntil(start + milliseconds(100), {});
  ASSERT_EQ(moments.size(), 5U);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(moments[static_cast<std::size_t>(i)], start + milliseconds(i));
}

TEST(StrategyRestorer, SetsTheStrategyItFoundHoweverTheScopeIsLeft) {
  const ScriptedProxy server;
  const AdminClient admin(server.address());
  {
    const auto restorer = StrategyRestorer::Remember(admin);
    ASSERT_TRUE(restorer.ok());
    ASSERT_TRUE(admin.SetStrategy({"sjf", {}}, "a test").ok());
    EXPECT_EQ(server.active_strategy(), "sjf");
  }
  EXPECT_EQ(server.active_strategy(), "fair");
}

}  // namespace
}  // namespace smartbatch::loadgen
