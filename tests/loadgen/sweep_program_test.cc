// `loadgen sweep`, as people call it.
#include <chrono>
#include <mutex>
#include <thread>

#include <gmock/gmock.h>

#include "tests/loadgen/program_fixture.h"
#include "tests/loadgen/scripted_proxy.h"

namespace smartbatch::loadgen {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;

class SweepProgramTest : public ProgramTest {};

TEST_F(SweepProgramTest, ASweepInVirtualTimeFindsWhatASimulationConfirms) {
  const ProcessOutcome outcome =
      Loadgen({"sweep", "--simulate", "--slo", "p95<500ms", "--workload", "seedopen", "--strategies", "fcfs,sjf",
               "--param", "fcfs.linger_ms=0", "--seconds", "300"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, AllOf(HasSubstr("fcfs"), HasSubstr("simulated")));
  const auto names = FilesEndingIn("_sweep.json");
  ASSERT_EQ(names.size(), 1U);
  const auto json = nlohmann::json::parse(Read("results/" + names[0]));
  EXPECT_EQ(json["valid"], true);
  for (const auto& strategy : json["strategies"]) {
    const double holds = strategy["simulated"]["largest_rate"];
    EXPECT_LT(holds, strategy["simulated"]["breaks_at"].get<double>());
    EXPECT_TRUE(strategy["server"].is_null());
  }
  EXPECT_LT(json["strategies"][0]["simulated"]["estimate"], json["strategies"][1]["simulated"]["estimate"]);
}

TEST_F(SweepProgramTest, ASweepSaysThatNoRateIsLowEnough) {
  // A large block alone takes 311 ms.
  const ProcessOutcome outcome = Loadgen({"sweep", "--simulate", "--slo", "p95<200ms", "--workload", "seedopen",
                                          "--strategies", "sjf", "--seconds", "20000"});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("INVALID: sjf simulated: the objective does not hold even at"));
}

TEST_F(SweepProgramTest, ASweepFindsTheRateThatAServerCanCarry) {
  // 10 ms per request, one at a time: the queue that --max-batch-size 1 simulates.
  std::mutex one_at_a_time;
  const ScriptedProxy server([&](const ReceivedCall&) {
    const std::scoped_lock lock(one_at_a_time);
    std::this_thread::sleep_for(milliseconds(10));
    return grpc::Status::OK;
  });
  const ProcessOutcome outcome = Loadgen({"sweep",
                                          "--slo",
                                          "p90<60ms",
                                          "--strategies",
                                          "fcfs",
                                          "--target",
                                          server.address(),
                                          "--admin-target",
                                          server.address(),
                                          "--customer",
                                          "a:rate=50,len=100",
                                          "--max-batch-size",
                                          "1",
                                          "--seconds",
                                          "3",
                                          "--warm-up-seconds",
                                          "0.5",
                                          "--max-dispatch-delay-ms",
                                          "1000",
                                          "--precision-percent",
                                          "5"});
  ASSERT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_EQ(server.active_strategy(), "fair");
  const auto json = nlohmann::json::parse(Read("results/" + FilesEndingIn("_sweep.json").at(0)));
  // The machine may be busy and the server may wake late; it cannot be faster than its sleep.
  EXPECT_GT(json["strategies"][0]["difference"].get<double>(), -0.3) << outcome.output;
  EXPECT_LT(json["strategies"][0]["difference"].get<double>(), 0.1) << outcome.output;
}

}  // namespace
}  // namespace smartbatch::loadgen
