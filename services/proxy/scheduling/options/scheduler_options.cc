#include "services/proxy/scheduling/options/scheduler_options.h"

#include <absl/strings/str_cat.h>

#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {
namespace {

constexpr std::uint32_t kLargestBatch = 1024;

absl::Status OutOfRange(absl::string_view option, std::uint64_t value, std::uint64_t low, std::uint64_t high) {
  return absl::InvalidArgumentError(absl::StrCat(option, " is ", value, "; it must be from ", low, " to ", high));
}

}  // namespace

absl::Status SchedulerOptions::Validate() const {
  if (max_batch_size < 1 || max_batch_size > kLargestBatch) {
    return OutOfRange("max_batch_size", max_batch_size, 1, kLargestBatch);
  }
  if (max_sequence_length < 1 || max_sequence_length > kLongestSequence) {
    return OutOfRange("max_sequence_length", max_sequence_length, 1, kLongestSequence);
  }
  constexpr std::uint64_t kMost = 100'000'000;
  if (max_queued_requests < 1 || max_queued_requests > kMost) {
    return OutOfRange("max_queued_requests", max_queued_requests, 1, kMost);
  }
  if (max_queued_requests_per_customer < 1 || max_queued_requests_per_customer > kMost) {
    return OutOfRange("max_queued_requests_per_customer", max_queued_requests_per_customer, 1, kMost);
  }
  if (max_queued_bytes < 1) return absl::InvalidArgumentError("max_queued_bytes is 0; it must be at least 1");
  if (max_queued_bytes_per_customer < 1) {
    return absl::InvalidArgumentError("max_queued_bytes_per_customer is 0; it must be at least 1");
  }
  if (max_queued_cost <= Duration::zero() || max_queued_cost_per_customer <= Duration::zero()) {
    return absl::InvalidArgumentError(
        "max_queued_cost_seconds or max_queued_cost_seconds_per_customer is 0 or less; give seconds above 0");
  }
  if (latency_objective <= Duration::zero()) {
    return absl::InvalidArgumentError("latency_objective is 0 or less; give a time above 0");
  }
  if (max_attempts < 1 || max_attempts > 100) return OutOfRange("max_attempts", max_attempts, 1, 100);
  if (!(retry_budget >= 0 && retry_budget <= 100)) {
    return absl::InvalidArgumentError(absl::StrCat("retry_budget is ", retry_budget, "; it must be from 0 to 100"));
  }
  if (backends.max_consecutive_errors < 1 || backends.max_consecutive_errors > 1000) {
    return OutOfRange("max_consecutive_errors", backends.max_consecutive_errors, 1, 1000);
  }
  if (!(backends.slow_factor > 1 && backends.slow_factor <= 1000)) {
    return absl::InvalidArgumentError(
        absl::StrCat("slow_factor is ", backends.slow_factor, "; it must be above 1, at most 1000"));
  }
  if (batch_timeout_minimum <= Duration::zero()) {
    return absl::InvalidArgumentError("batch_timeout_minimum must be above 0");
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::scheduling
