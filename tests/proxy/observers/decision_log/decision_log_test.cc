// What the log holds, and what happens when it cannot keep up.
#include "services/proxy/observers/decision_log/decision_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "services/proxy/simulation/replay.h"

namespace smartbatch::decision_log {
namespace {

using testing::HasSubstr;
namespace log = simulation::log_lines;

std::string TemporaryFile() {
  return (std::filesystem::path(testing::TempDir()) / ("decisions-" + std::to_string(::getpid()))).string();
}

std::string Contents(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

log::Start Beginning(const std::string& strategy) {
  log::Start start{{}, {strategy, {}}, {{"gold", {3, 0}}}};
  start.options.backends.seed = 7;
  return start;
}
// The lines with which every log begins.
std::string OneBackend(const std::string& strategy) {
  return log::Line(Beginning(strategy)) + log::Line(log::BackendAdded{0, "backend", 1, {}});
}

// A scheduler with a log, as the dispatcher would drive it.
class Logged {
 public:
  explicit Logged(const std::string& path, const log::Start& start)
      : log(*DecisionLog::Open(path, start, now)),
        scheduler(*scheduling::Scheduler::Create(start.options, start.strategy, log.get())) {
    scheduler->AddBackend("backend", 1, {});
    for (const auto& [name, policy] : start.customers) scheduler->ConfigureCustomer(name, policy);
  }
  scheduling::RequestId Offer(const std::string& customer, std::vector<std::uint32_t> lengths) {
    now += std::chrono::microseconds(1);
    scheduling::Effects effects;
    const auto answer = scheduler->Offer({customer, lengths, kNever, 0}, now, effects);
    Ask();
    return std::get<scheduling::RequestId>(answer);
  }
  void EndBatch(const absl::Status& status = absl::OkStatus()) {
    now += std::chrono::milliseconds(3);
    scheduling::Effects effects;
    scheduler->Complete(++ended, status, now, effects);
    Ask();
  }
  void Ask() {
    log->Asking(now);
    for (;;) {
      const auto step = scheduler->Next(now);
      if (!std::holds_alternative<scheduling::Batch>(step)) return;
      ++sent;
    }
  }

  Time now = Time(std::chrono::hours(5));
  std::unique_ptr<DecisionLog> log;
  std::unique_ptr<scheduling::Scheduler> scheduler;
  scheduling::BatchId sent = 0;
  scheduling::BatchId ended = 0;
};

// How the batch of that round ends.
absl::Status StatusOf(std::uint32_t round) {
  if (round % 20 == 0) return absl::InternalError("bad");
  if (round % 20 == 7) return absl::ResourceExhaustedError("busy");
  if (round % 20 == 13) return scheduling::Fell(absl::UnavailableError("crashed"));
  return absl::OkStatus();
}

TEST(TheDecisionLog, HoldsWhatWasToldAndChosenCountedFromItsStart) {
  const std::string path = TemporaryFile();
  {
    Logged logged(path, Beginning("sjf"));
    logged.Offer("gold", {15, 120});
    logged.EndBatch();
  }
  std::stringstream lines(Contents(path));
  std::string line;
  std::getline(lines, line);
  EXPECT_THAT(line, HasSubstr(R"("event":"start","schema_version":3,"strategy":"sjf")"));
  EXPECT_THAT(line, HasSubstr(R"("max_batch_size":5)"));
  EXPECT_THAT(line, HasSubstr(R"("customers":[{"customer":"gold","weight":3.0,"tier":0}])"));
  std::getline(lines, line);
  EXPECT_THAT(line, HasSubstr(R"({"event":"backend_added","backend":0,"name":"backend","slots":1,"cost":{)"));
  std::getline(lines, line);
  EXPECT_EQ(line, R"({"event":"request","timestamp_ms":0.001,"request":0,"customer":"gold","lengths":[15,120]})");
  std::getline(lines, line);
  EXPECT_THAT(line, HasSubstr(R"({"event":"batch","time_ms":0.001,"batch":1,"strategy":"sjf","backend":0,)"
                              R"("members":[[0,0],[0,1]],"longest":120,)"));
  std::getline(lines, line);
  EXPECT_EQ(line, R"({"event":"batch_ended","time_ms":3.001,"batch":1,"status":"OK"})");
  EXPECT_FALSE(std::getline(lines, line));
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, HoldsTheObjectivesByWhichTheStrategyDeadlineChooses) {
  const std::string path = TemporaryFile();
  log::Start start = Beginning("deadline");
  start.options.latency_objective = std::chrono::milliseconds(40);
  start.customers["gold"].latency_objective = std::chrono::milliseconds(10);
  scheduling::BatchId sent = 0;
  {
    Logged logged(path, start);
    for (std::uint32_t i = 0; i < 150; ++i) {
      logged.Offer(i % 3 == 0 ? "gold" : "other", {20 + 31 * i % 100, 20 + 17 * i % 100});
      if (i % 2 == 0) logged.EndBatch();
    }
    while (logged.sent > logged.ended) logged.EndBatch();
    sent = logged.sent;
  }
  std::string text = Contents(path);
  std::istringstream whole(text);
  const auto result = simulation::Replay(whole, std::nullopt);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->difference, "");
  EXPECT_EQ(result->same_batches, sent);
  // The control: without them the log differs.
  for (std::size_t place = 0; (place = text.find("latency_objective_ms", place)) != std::string::npos;)
    text[place] = 'x';
  std::istringstream without(text);
  const auto other = simulation::Replay(without, std::nullopt);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(other->difference, "");
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, ReplaysThroughCancelsErrorsSwitchesAndReloads) {
  const std::string path = TemporaryFile();
  scheduling::BatchId sent = 0;
  {
    Logged logged(path, Beginning("density"));
    scheduling::Effects effects;
    for (std::uint32_t i = 0; i < 200; ++i) {
      const auto id = logged.Offer(i % 3 == 0 ? "gold" : "other", {10 + i, 300 - i});
      if (i % 17 == 0) logged.scheduler->Cancel(id, logged.now, effects);
      if (i % 17 == 0) logged.Ask();
      if (i % 50 == 49) {
        const auto change = logged.scheduler->SetStrategy({i == 99 ? "weighted_fair" : "fcfs", {}});
        logged.log->StrategySet(change->current);
        logged.now += std::chrono::milliseconds(2);
        logged.Ask();
      }
      if (i == 60) {
        logged.scheduler->ConfigureCustomers({{"other", {5, 1}}});
        logged.log->Reconfigured({{}, {{"other", {5, 1}}}, std::nullopt});
        logged.now += std::chrono::milliseconds(1);
        logged.Ask();
      }
      if (logged.sent == logged.ended) continue;
      logged.EndBatch(StatusOf(i));
      // A backend that rests or is paused is asked again at a moment of its own.
      if (!StatusOf(i).ok()) logged.now += std::chrono::milliseconds(120);
      logged.Ask();
    }
    // fcfs lingers, and is asked again at the moment that it wanted.
    logged.now += std::chrono::milliseconds(60);
    logged.Ask();
    sent = logged.sent;
  }
  std::ifstream file(path);
  const auto result = simulation::Replay(file, std::nullopt);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->difference, "");
  EXPECT_EQ(result->same_batches, sent);
  EXPECT_EQ(result->requests, 200U);
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, ReplaysBackendsThatComeGoFailAndAreUnhealthy) {
  const std::string path = TemporaryFile();
  scheduling::BatchId sent = 0;
  {
    Logged logged(path, Beginning("sjf"));
    auto& scheduler = *logged.scheduler;
    const auto other = scheduler.AddBackend("other", 2, {});
    logged.Ask();
    for (std::uint32_t i = 0; i < 200; ++i) {
      logged.Offer("gold", {10 + i, 300 - i});
      if (i % 40 == 5 || i % 40 == 25) {
        logged.now += std::chrono::milliseconds(1);
        const bool well = i % 40 == 25;
        scheduling::Effects none;
        scheduler.ReportHealth(0, well ? scheduling::HealthReport::kServing : scheduling::HealthReport::kNotServing,
                               logged.now, none);
        logged.Ask();
      }
      if (i == 60) scheduler.SetSlots(other, 1);
      if (i == 90) scheduler.RemoveBackend(other);
      if (i == 120) scheduler.AddBackend("third", 1, {});
      const bool changed = i == 60 || i == 90 || i == 120;
      if (changed) logged.now += std::chrono::milliseconds(1);
      if (changed) logged.Ask();
      if (logged.sent > logged.ended) logged.EndBatch(i % 20 == 0 ? absl::UnavailableError("gone") : absl::OkStatus());
    }
    sent = logged.sent;
  }
  EXPECT_THAT(Contents(path), HasSubstr(R"({"event":"backend_slots","backend":1,"slots":1})"));
  EXPECT_THAT(Contents(path), HasSubstr(R"({"event":"backend_removed","backend":1})"));
  EXPECT_THAT(Contents(path), HasSubstr(R"("backend":0,"healthy":false})"));
  std::ifstream file(path);
  const auto result = simulation::Replay(file, std::nullopt);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->difference, "");
  EXPECT_EQ(result->same_batches, sent);
  EXPECT_GT(sent, 50U);
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, ReplaysBackendsWhoseDeviceHasASlotForThemNowAndThen) {
  const std::string path = TemporaryFile();
  scheduling::BatchId sent = 0;
  {
    Logged logged(path, Beginning("sjf"));
    auto& scheduler = *logged.scheduler;
    scheduler.SetSlots(0, 3);
    logged.now += std::chrono::milliseconds(1);
    logged.Ask();
    // As a dispatcher: when the backend has taken the only slot, it is held back before the scheduler is asked again.
    for (std::uint32_t i = 0; i < 200; ++i) {
      logged.Offer("gold", {10 + i, 300 - i});
      logged.now += std::chrono::milliseconds(1);
      logged.log->Asking(logged.now);
      scheduler.HoldBack(0, i % 3 == 1);
      if (std::holds_alternative<scheduling::Batch>(scheduler.Next(logged.now))) ++logged.sent;
      scheduler.HoldBack(0, true);
      logged.Ask();
      if (i % 4 > 0 && logged.sent > logged.ended) logged.EndBatch();
    }
    sent = logged.sent;
  }
  std::string text = Contents(path);
  EXPECT_THAT(text, HasSubstr(R"({"event":"backend_held_back","backend":0,"held_back":true})"));
  std::istringstream whole(text);
  const auto result = simulation::Replay(whole, std::nullopt);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->difference, "");
  EXPECT_EQ(result->same_batches, sent);
  EXPECT_GT(sent, 50U);
  // The control: a log that never says so differs.
  for (std::size_t place = 0; (place = text.find(R"("held_back":true)", place)) != std::string::npos;)
    text.replace(place, 16, R"("held_back":false)");
  std::istringstream without(text);
  const auto other = simulation::Replay(without, std::nullopt);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_THAT(other->difference, HasSubstr("the log has none; the replay has batch"));
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, CountsAndMarksWhatItHasNoRoomFor) {
  const std::string path = TemporaryFile();
  std::uint64_t dropped = 0;
  {
    const auto log = DecisionLog::Open(path, Beginning("sjf"), Time{}, /*most_waiting=*/10);
    ASSERT_TRUE(log.ok());
    // Far faster than the thread that writes wakes.
    for (int i = 1; i <= 2000; ++i) (*log)->Asking(Time(Duration(i)));
    dropped = (*log)->dropped();
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    (*log)->Asking(Time(Duration(5000)));
    EXPECT_EQ((*log)->dropped(), dropped);
  }
  EXPECT_GT(dropped, 0U);
  EXPECT_THAT(Contents(path), HasSubstr("{\"event\":\"dropped\",\"lines\":" + std::to_string(dropped) + "}"));
  std::ifstream file(path);
  const auto result = simulation::Replay(file, std::nullopt);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->ended_early, std::to_string(dropped) + " lines are missing");
  std::filesystem::remove(path);
}

TEST(TheDecisionLog, SaysThatItsFileCannotBeWritten) {
  const auto log = DecisionLog::Open("/nowhere/decisions", Beginning("sjf"), Time{});
  EXPECT_THAT(std::string(log.status().message()), HasSubstr("decision-log is /nowhere/decisions, which cannot"));
}

std::string ErrorOf(const std::string& text) {
  std::stringstream file(text);
  return std::string(simulation::Replay(file, std::nullopt).status().message());
}

TEST(AReplay, NamesTheLineThatIsWrong) {
  const std::string start = OneBackend("sjf");
  EXPECT_EQ(ErrorOf(start), "");
  EXPECT_THAT(ErrorOf("{"), HasSubstr("line 1: not a line of a decision log"));
  EXPECT_THAT(ErrorOf(start + "{}"), HasSubstr("line 3: not a line of a decision log"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"asked","time_ms":"x"})"), HasSubstr("line 3: "));
  EXPECT_THAT(ErrorOf(start + R"({"event":"nap"})"), HasSubstr("unknown event 'nap'"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"asked","time_ms":1e300})"), HasSubstr("is not from 0 to 9e+12"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"asked","time_ms":2})" + "\n" + R"({"event":"asked","time_ms":1})"),
              HasSubstr("line 4: its time is before"));
  EXPECT_THAT(ErrorOf(start + start), HasSubstr("line 3: the log starts twice"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"batch_ended","time_ms":1,"batch":-1,"status":"OK"})"),
              HasSubstr("a number must be whole and from 0 to 18446744073709551615"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"request","timestamp_ms":1,"request":0,"customer":"a","lengths":[1e300]})"),
              HasSubstr("a number must be whole and from 1 to "));
  EXPECT_THAT(ErrorOf(R"({"event":"asked","time_ms":1})"), HasSubstr("must begin with the event 'start'"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"batch_ended","time_ms":1,"batch":7,"status":"OK"})"),
              HasSubstr("batch 7 ended but was not running"));
  EXPECT_THAT(ErrorOf(start + R"({"event":"ended","time_ms":1,"request":7,"outcome":"cancelled"})"),
              HasSubstr("request 7 ended but never came"));
}

TEST(AReplay, ShowsTheFirstBatchThatIsNotTheSame) {
  std::string text = OneBackend("sjf");
  text += log::Line(log::RequestAccepted{Time(Duration(5)), 0, "a", {10, 20}, kNever});
  std::stringstream forgotten(text);
  EXPECT_THAT(simulation::Replay(forgotten, std::nullopt)->difference, HasSubstr("the log has none; the replay has"));
  text += log::Line(log::BatchSent{Time(Duration(5)), 1, "sjf", 0, {{0, 1}}, 20, 4e-4, "slot_free"});
  std::stringstream changed(text);
  EXPECT_THAT(simulation::Replay(changed, std::nullopt)->difference, HasSubstr(": 0.1; the replay has batch 1"));
}

}  // namespace
}  // namespace smartbatch::decision_log
