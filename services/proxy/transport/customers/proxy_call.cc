#include "services/proxy/transport/customers/proxy_call.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "common/program/limited_log.h"
#include "common/program/logging.h"
#include "services/proxy/transport/customers/caller.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/status_details.h"

namespace smartbatch::transport {
namespace {

// What a waiting call holds besides its payload: gRPC's part of it and the objects of this program. Measured
// (docs/OPERATIONS.md, "Memory").
constexpr std::size_t kHeldBytesOfACall = 16'384;
constexpr std::size_t kHeldBytesOfASequence = 160;

constexpr std::chrono::seconds kComeBack{1};

grpc::Status TooManyInTransit() {
  return rpc::ResourceExhausted("calls in transit",
                                "too many calls are sending a request or have not taken their answer "
                                "(connections.max_calls_in_transit)",
                                kComeBack);
}

// Appends " name=" and the milliseconds with three decimals.
void AppendMilliseconds(fmt::memory_buffer& text, std::string_view name, Duration duration) {
  const auto microseconds = std::chrono::round<std::chrono::microseconds>(duration).count();
  fmt::format_to(fmt::appender(text), " {}={}.{:03}", name, microseconds / 1000, microseconds % 1000);
}

}  // namespace

std::size_t HeldBytes(const protocol::Payload& payload) {
  return kHeldBytesOfACall + payload.lengths().size() * kHeldBytesOfASequence;
}

void ProxyCall::Await(CallEnvironment& environment) {
  std::unique_ptr<ProxyCall> owned(new ProxyCall(environment));
  ProxyCall& call = *owned;
  call.self_ = std::move(owned);
  environment.method.Request(call.context_, call.stream_, environment.queue, &call.accepted_);
}

ProxyCall::ProxyCall(CallEnvironment& environment) : environment_(environment), stream_(&context_) {
  environment_.live_calls.Enter();
  context_.AsyncNotifyWhenDone(&done_);
}

void ProxyCall::OnAccepted(bool ok) {
  if (!ok) return Leave();  // the server has stopped; no other event will come
  Await(environment_);
  accepted_at_ = environment_.clock.Now();
  environment_.observer.CallStarted();
  const LiveCalls::Entrance entrance = environment_.live_calls.StartArriving(*this, accepted_at_);
  const bool accepted = entrance == LiveCalls::Entrance::kAccepted;
  const grpc::Status status = accepted ? CheckHeaders() : TooManyInTransit();
  if (status.ok()) return stream_.Read(&request_, &arrived_);
  // The message is not read.
  if (accepted && !environment_.live_calls.StopArriving(*this)) return EndOne();  // it was given up, and answered
  if (entrance == LiveCalls::Entrance::kHopeless) context_.TryCancel();
  --events_to_come_;
  Refuse(status);
}

void ProxyCall::OnArrived(bool ok) {
  if (!environment_.live_calls.StopArriving(*this)) return EndOne();  // it was given up, and answered
  // This is not the last event: the answer is still to come.
  --events_to_come_;
  // If gRPC itself has refused the call, for example because its message is too long, the caller has gRPC's status, and
  // this one reaches nobody.
  if (!ok) return Refuse(rpc::InvalidArgument("(message)", "the call carried no request; send exactly one"));
  runtime::Submission request;
  if (const grpc::Status status = Read(request); !status.ok()) return Refuse(status);
  Submit(std::move(request));
  // The call may be gone now.
}

void ProxyCall::Submit(runtime::Submission request) {
  runtime::Dispatcher& dispatcher = environment_.models.Find(request.payload->model())->dispatcher;
  dispatcher_ = &dispatcher;
  if (caller_has_gone_) dispatcher.Cancel(ticket_);
  dispatcher.Submit(std::move(request), ticket_,
                    runtime::Reply([this](absl::StatusOr<runtime::Ending> ending) { Answer(std::move(ending)); }));
}

void ProxyCall::GiveUpRequest(Reason reason) {
  if (reason == Reason::kTooLate) {
    return Refuse({grpc::StatusCode::DEADLINE_EXCEEDED,
                   "the request did not arrive in time after its headers (connections.transit_timeout_seconds)"});
  }
  Refuse(rpc::ResourceExhausted("arriving requests",
                                "the request had been arriving for the longest time and others needed its place "
                                "(connections.max_receive_bytes)",
                                kComeBack));
}

void ProxyCall::GiveUpAnswer() { context_.TryCancel(); }

// gRPC 1.51 applies this limit only once the client has acknowledged it.
grpc::Status ProxyCall::CheckHeaders() const {
  constexpr std::size_t kBytesOfAnEntry = 32;  // as HTTP/2 counts (RFC 9113, section 6.5.2)
  std::size_t bytes = 0;
  for (const auto& [key, value] : context_.client_metadata()) bytes += key.size() + value.size() + kBytesOfAnEntry;
  if (bytes <= environment_.max_metadata_bytes) return grpc::Status::OK;
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          fmt::format("the call's headers have {} bytes; at most {} are allowed (connections.max_metadata_bytes)",
                      bytes, environment_.max_metadata_bytes)};
}

grpc::Status ProxyCall::Read(runtime::Submission& request) {
  request.context = ReadCallContext(context_);
  if (auto status = ReadCustomer(context_, request.customer); !status.ok()) return status;
  if (auto status = environment_.customer_rights.Check(request.customer, context_); !status.ok()) return status;
  if (auto status = environment_.codec.Read(request_, request.payload); !status.ok()) return status;
  request_.Clear();
  request.deadline = ReadDeadline(context_, environment_.clock.Now(), request.payload->timeout());
  request.held_bytes = HeldBytes(*request.payload);
  return grpc::Status::OK;
}

void ProxyCall::Answer(absl::StatusOr<runtime::Ending> ending) {
  if (!ending.ok()) {
    static program::LogLimit limit;
    program::LogLimited(limit, spdlog::level::err, "a request was not answered: {}", ending.status().ToString());
    return Refuse(FromAbsl(ending.status()));
  }
  const grpc::Status status = StatusOf(*ending);
  LogEnd(status, *ending);
  AddTimings(*ending);
  if (!status.ok()) {
    AddPushback(status, ending->outcome);
    return Refuse(status);
  }
  const auto response = environment_.codec.Write(*ending->payload, ending->results,
                                                 {.latency = ending->latency,
                                                  .queued = ending->queued,
                                                  .in_service = ending->in_service,
                                                  .strategy = ending->strategy,
                                                  .dispatch_reason = ending->dispatch_reason,
                                                  .batch_sizes = ending->batch_sizes});
  if (!response.ok()) return Refuse(FromAbsl(response.status()));
  StartLeaving(status);
  stream_.WriteAndFinish(*response, grpc::WriteOptions(), status, &finished_);
}

void ProxyCall::Refuse(const grpc::Status& status) {
  StartLeaving(status);
  stream_.Finish(status, &finished_);
}

void ProxyCall::StartLeaving(const grpc::Status& status) {
  const Time now = environment_.clock.Now();
  environment_.observer.CallHandled(status.error_code(), now - accepted_at_);
  environment_.live_calls.StartLeaving(*this, now);
}

// One trailer and not five: gRPC validates, copies and sends each as a literal, some 0.8 us apiece.
void ProxyCall::AddTimings(const runtime::Ending& ending) {
  if (ending.outcome == scheduling::Outcome::kRejected) return;  // nothing happened to it
  static const std::string kKey = "x-smartbatch-timings";
  fmt::memory_buffer timings;  // on the stack
  fmt::format_to(fmt::appender(timings), "strategy={}", ending.strategy);
  AppendMilliseconds(timings, "queue_ms", ending.queued);
  AppendMilliseconds(timings, "service_ms", ending.in_service);
  AppendMilliseconds(timings, "latency_ms", ending.latency);
  // Clients take 8 KiB of trailers by default, and a large request may have been in thousands of batches.
  constexpr std::size_t kMostSizes = 100;
  const std::size_t batches = ending.batch_sizes.size();
  const auto first = std::span(ending.batch_sizes).first(std::min(batches, kMostSizes));
  fmt::format_to(fmt::appender(timings), " dispatch_reason={} batch_sizes={}", ending.dispatch_reason,
                 fmt::join(first, ","));
  if (batches > kMostSizes) fmt::format_to(fmt::appender(timings), " batches={}", batches);
  context_.AddTrailingMetadata(kKey, fmt::to_string(timings));
}

// Clients with a retry policy obey this header, which overrides their own backoff. If it is negative they do not call
// again.
void ProxyCall::AddPushback(const grpc::Status& status, scheduling::Outcome outcome) {
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) return;
  const auto wait = rpc::RetryAfter(status);
  if (!wait && outcome != scheduling::Outcome::kRejected) return;  // the backend's own error
  context_.AddTrailingMetadata("grpc-retry-pushback-ms",
                               wait ? fmt::format("{:.0f}", std::ceil(ToMilliseconds(*wait))) : "-1");
}

void ProxyCall::LogEnd(const grpc::Status& status, const runtime::Ending& ending) const {
  if (!spdlog::should_log(spdlog::level::debug)) return;
  std::string customer;
  ReadCustomer(context_, customer);
  const runtime::CallContext call = ReadCallContext(context_);
  spdlog::debug("customer={} code={} outcome={} latency_ms={:.3f} queue_ms={:.3f} batches={} request_id={} trace={}",
                customer, rpc::CodeName(status.error_code()), fmt::string_view(Name(ending.outcome)),
                ToMilliseconds(ending.latency), ToMilliseconds(ending.queued), ending.batch_sizes.size(),
                program::Quoted(call.request_id), program::Quoted(call.trace_parent));
}

void ProxyCall::OnDone(bool /*always true*/) {
  if (context_.IsCancelled()) {
    caller_has_gone_ = true;
    if (runtime::Dispatcher* const dispatcher = dispatcher_) dispatcher->Cancel(ticket_);
  }
  EndOne();
}

void ProxyCall::OnFinished(bool /*false if the caller had gone*/) {
  environment_.live_calls.StopLeaving(*this);
  EndOne();
}

void ProxyCall::EndOne() {
  if (--events_to_come_ == 0) Leave();
}

void ProxyCall::Leave() {
  LiveCalls& live_calls = environment_.live_calls;
  std::exchange(self_, nullptr).reset();  // deletes this
  live_calls.Leave();
}

}  // namespace smartbatch::transport
