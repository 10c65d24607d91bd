// Options out of range are refused by name, in one line.
#include "services/proxy/scheduling/options/scheduler_options.h"

#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smartbatch::scheduling {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(TheSchedulersOptions, AreValidAsTheyAre) { EXPECT_TRUE(SchedulerOptions().Validate().ok()); }

TEST(TheSchedulersOptions, AreRefusedByNameIfTheyAreOutOfRange) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::pair<std::string, std::function<void(SchedulerOptions&)>>> wrong = {
      {"max_batch_size is 0", [](auto& options) { options.max_batch_size = 0; }},
      {"max_batch_size is 1025", [](auto& options) { options.max_batch_size = 1025; }},
      {"max_sequence_length is 0", [](auto& options) { options.max_sequence_length = 0; }},
      {"max_sequence_length is 262144", [](auto& options) { options.max_sequence_length = 1U << 18; }},
      {"max_queued_requests is 0", [](auto& options) { options.max_queued_requests = 0; }},
      {"max_queued_requests_per_customer is 0", [](auto& options) { options.max_queued_requests_per_customer = 0; }},
      {"max_queued_bytes is 0", [](auto& options) { options.max_queued_bytes = 0; }},
      {"max_queued_bytes_per_customer is 0", [](auto& options) { options.max_queued_bytes_per_customer = 0; }},
      {"max_queued_cost_seconds", [](auto& options) { options.max_queued_cost = Duration(0); }},
      {"max_queued_cost_seconds_per_customer",
       [](auto& options) { options.max_queued_cost_per_customer = Duration(-1); }},
      {"max_attempts is 0", [](auto& options) { options.max_attempts = 0; }},
      {"retry_budget is 101", [](auto& options) { options.retry_budget = 101; }},
      {"retry_budget is nan", [nan](auto& options) { options.retry_budget = nan; }},
      {"max_consecutive_errors is 0", [](auto& options) { options.backends.max_consecutive_errors = 0; }},
      {"slow_factor is 1;", [](auto& options) { options.backends.slow_factor = 1; }},
      {"batch_timeout_minimum", [](auto& options) { options.batch_timeout_minimum = Duration(0); }},
  };
  for (const auto& [named, change] : wrong) {
    SchedulerOptions options;
    change(options);
    const absl::Status status = options.Validate();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << named;
    EXPECT_THAT(std::string(status.message()), HasSubstr(named));
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
  }
}

}  // namespace
}  // namespace smartbatch::scheduling
