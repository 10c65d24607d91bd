#include "services/proxy/transport/status_mapping.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "common/field_error.h"
#include "services/proxy/runtime/answer_code.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

using runtime::Ending;
using scheduling::Outcome;
using scheduling::RejectReason;

constexpr Duration kRetryElsewhere = std::chrono::seconds(1);
constexpr Duration kSoonest = std::chrono::milliseconds(1);

// In whole milliseconds, as gRPC's own header for it (grpc-retry-pushback-ms) tells the time: the two must agree.
grpc::Status LimitReached(RejectReason reason, const std::string& what, Duration retry_after) {
  if (retry_after <= Duration::zero()) {
    return rpc::ResourceExhausted(std::string(Name(reason)), what + ", and this request alone is larger", std::nullopt);
  }
  const Duration wait = std::max<Duration>(std::chrono::ceil<std::chrono::milliseconds>(retry_after), kSoonest);
  return rpc::ResourceExhausted(std::string(Name(reason)),
                                fmt::format("{}; call again in {:.0f} ms", what, ToMilliseconds(wait)), wait);
}

grpc::Status NoBackend(const std::string& trouble, Duration retry_after) {
  return rpc::Unavailable(trouble.empty() ? "no backend can be reached" : "no backend can be reached: " + trouble,
                          retry_after);
}

grpc::Status StatusOfRejection(const scheduling::Rejection& rejection) {
  const auto full = [&](const char* whose, const char* unit) {
    return LimitReached(rejection.reason, fmt::format("{} is full: it holds up to {} {}", whose, rejection.limit, unit),
                        rejection.retry_after);
  };
  constexpr char kQueue[] = "the queue";
  constexpr char kShare[] = "the customer's share of the queue";
  switch (rejection.reason) {
    case RejectReason::kQueueFull:
      return full(kQueue, "requests");
    case RejectReason::kBytesFull:
      return full(kQueue, "bytes");
    case RejectReason::kCostFull:
      return full(kQueue, "ms of predicted cost");
    case RejectReason::kCustomerQueueFull:
      return full(kShare, "requests");
    case RejectReason::kCustomerBytesFull:
      return full(kShare, "bytes");
    case RejectReason::kCustomerCostFull:
      return full(kShare, "ms of predicted cost");
    case RejectReason::kNoBackend:
      return NoBackend(rejection.trouble, std::max(rejection.retry_after, kSoonest));
    case RejectReason::kShuttingDown:
      return rpc::Unavailable("the proxy is shutting down; call another one", kRetryElsewhere);
    case RejectReason::kDeadlinePassed:
      return rpc::WithReason(grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline had passed when the call came",
                             "DEADLINE_PASSED_ON_ARRIVAL");
    case RejectReason::kDeadlineTooSoon:
      return rpc::WithReason(grpc::StatusCode::DEADLINE_EXCEEDED,
                             "no backend could meet the deadline: the longest sequence takes longer once one is free",
                             "DEADLINE_CANNOT_BE_MET");
  }
  return {grpc::StatusCode::INTERNAL, "unknown reason to reject"};
}

grpc::Status StatusOfExpiry(const Ending& ending) {
  if (ending.hopeless) {
    return rpc::WithReason(
        grpc::StatusCode::DEADLINE_EXCEEDED,
        fmt::format("given up after {:.3f} ms in the proxy: it could not be answered within {:.3f} ms "
                    "any more (the call's deadline, or the customer's latency objective)",
                    ToMilliseconds(ending.latency), ToMilliseconds(ending.due_after)),
        "DEADLINE_CANNOT_BE_MET");
  }
  const bool dispatched = !ending.batch_sizes.empty() || ending.in_service > Duration::zero();
  return rpc::WithReason(grpc::StatusCode::DEADLINE_EXCEEDED,
                         fmt::format("the deadline passed after {:.3f} ms in the proxy, {:.3f} of them in the queue",
                                     ToMilliseconds(ending.latency), ToMilliseconds(ending.queued)),
                         dispatched ? "DEADLINE_PASSED_IN_SERVICE" : "DEADLINE_PASSED_IN_QUEUE");
}

grpc::Status StatusOfBackendFailure(const absl::Status& backend) {
  const std::string message(backend.message());
  if (absl::IsUnavailable(backend)) return NoBackend(message, kRetryElsewhere);
  const auto code = static_cast<grpc::StatusCode>(runtime::CodeOf(Outcome::kBackendFailed, backend));
  return rpc::WithReason(code, "the backend failed: " + message, "BACKEND_FAILED",
                         {{"backend_code", rpc::CodeName(backend.raw_code())}});
}

}  // namespace

grpc::Status FromAbsl(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())};
}

grpc::Status StatusOf(const Ending& ending) {
  switch (ending.outcome) {
    case Outcome::kAnswered:
      return grpc::Status::OK;
    case Outcome::kRejected:
      return StatusOfRejection(ending.rejection);
    case Outcome::kExpired:
      return StatusOfExpiry(ending);
    case Outcome::kCancelled:
      return {grpc::StatusCode::CANCELLED, "the caller gave the call up"};
    case Outcome::kBackendFailed:
      return StatusOfBackendFailure(ending.backend_status);
    case Outcome::kShed:
      return LimitReached(RejectReason::kQueueFull,
                          "the queue is full, and of its customers this one has the most in it for its weight",
                          ending.rejection.retry_after);
    case Outcome::kShutDown:
      return rpc::Unavailable("the proxy is shutting down; call another one", kRetryElsewhere);
  }
  return {grpc::StatusCode::INTERNAL, "unknown outcome"};
}

grpc::Status AdminStatusOf(const absl::Status& status) {
  if (const auto field = FieldOf(status)) {
    return rpc::InvalidArgument(*field, std::string(status.message()));
  }
  return FromAbsl(status);
}

}  // namespace smartbatch::transport
