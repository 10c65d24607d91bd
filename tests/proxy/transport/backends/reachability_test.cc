// What is reported when no backend can be reached, and when one can be reached again.
#include "services/proxy/transport/backends/reachability.h"

#include <chrono>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include "tests/proxy/manual_clock.h"

namespace smartbatch::transport {
namespace {

using scheduling::HealthReport;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A backend to which nothing is sent.
class IdleBackend final : public runtime::BackendLink {
 public:
  void Send(const runtime::OutgoingBatch&, runtime::BatchReply) override {}
  void Cancel(scheduling::BatchId) override {}
};

class TheReachability : public ::testing::Test {
 protected:
  TheReachability() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", sink_)); }
  ~TheReachability() override { spdlog::set_default_logger(before_); }

  void Pass(Duration time) {
    clock_.Advance(time);
    reachability_.Look(clock_.Now());
  }
  // The lines logged since the last call.
  std::string Logged() {
    std::string lines = log_.str();
    log_.str("");
    return lines;
  }

  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream log_;
  std::shared_ptr<spdlog::sinks::ostream_sink_mt> sink_ = std::make_shared<spdlog::sinks::ostream_sink_mt>(log_);
  testing::ManualClock clock_;
  IdleBackend backend_;
  runtime::Dispatcher dispatcher_{*scheduling::Scheduler::Create({}, {"sjf", {}}, nullptr), clock_, nullptr};
  std::vector<bool> told_;
  Reachability reachability_{dispatcher_, [] { return "10.0.0.1:5 (\"gone\")"; },
                             [this](bool reachable) { told_.push_back(reachable); }};
};

TEST_F(TheReachability, IsLoggedAndToldOnceWhenItIsLostAndOnceWhenItIsBack) {
  const scheduling::BackendId id = dispatcher_.AddBackend("10.0.0.1:5", 1, {}, backend_);
  Pass(seconds(100));
  dispatcher_.ReportHealth(id, HealthReport::kNotServing);
  Pass(milliseconds(999));
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_EQ(Logged(), "");
  Pass(milliseconds(1));
  EXPECT_THAT(told_, ElementsAre(false));
  EXPECT_THAT(Logged(), AllOf(HasSubstr("no backend can be reached"), HasSubstr("10.0.0.1:5 (\"gone\")")));
  for (int i = 0; i < 100; ++i) Pass(milliseconds(100));
  EXPECT_THAT(told_, ElementsAre(false));
  EXPECT_EQ(Logged(), "");
  dispatcher_.ReportHealth(id, HealthReport::kServing);
  Pass(milliseconds(100));
  EXPECT_THAT(told_, ElementsAre(false)) << "it must last";
  Pass(seconds(1));
  EXPECT_THAT(told_, ElementsAre(false, true));
  EXPECT_THAT(Logged(), HasSubstr("a backend can be reached again"));
  for (int i = 0; i < 100; ++i) Pass(milliseconds(100));
  EXPECT_THAT(told_, ElementsAre(false, true));
  EXPECT_EQ(Logged(), "");
}

TEST_F(TheReachability, IsLostWhenThereIsNoneForASecondAfterTheStart) {
  Pass(milliseconds(999));
  EXPECT_THAT(told_, IsEmpty());
  Pass(milliseconds(1));
  EXPECT_THAT(told_, ElementsAre(false));
  dispatcher_.AddBackend("10.0.0.1:5", 1, {}, backend_);
  Pass(seconds(1));
  EXPECT_THAT(told_, ElementsAre(false, true));
}

TEST_F(TheReachability, IsNotBackBecauseABackendIsTriedAgain) {
  const scheduling::BackendId id = dispatcher_.AddBackend("10.0.0.1:5", 1, {}, backend_);
  dispatcher_.ReportHealth(id, HealthReport::kNotServing);
  Pass(seconds(1));
  for (int i = 0; i < 10; ++i) {
    dispatcher_.ReportHealth(id, HealthReport::kServing);
    Pass(milliseconds(500));
    dispatcher_.ReportHealth(id, HealthReport::kNotServing);
    Pass(seconds(1));
  }
  EXPECT_THAT(told_, ElementsAre(false));
}

}  // namespace
}  // namespace smartbatch::transport
