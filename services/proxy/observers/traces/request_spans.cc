#include "services/proxy/observers/traces/request_spans.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include <opentelemetry/common/timestamp.h>
#include <opentelemetry/context/context.h>
#include <opentelemetry/context/propagation/text_map_propagator.h>
#include <opentelemetry/nostd/string_view.h>
#include <opentelemetry/trace/context.h>
#include <opentelemetry/trace/propagation/http_trace_context.h>
#include <opentelemetry/trace/span_metadata.h>

namespace smartbatch::traces {
namespace {

namespace otel = opentelemetry;
using otel::trace::SpanContext;
using otel::trace::StatusCode;

otel::nostd::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// The headers of one call, of which there is one.
class TraceParentCarrier final : public otel::context::propagation::TextMapCarrier {
 public:
  explicit TraceParentCarrier(std::string_view value) : value_(value) {}
  otel::nostd::string_view Get(otel::nostd::string_view key) const noexcept override {
    return key == otel::trace::propagation::kTraceParent ? View(value_) : otel::nostd::string_view();
  }
  void Set(otel::nostd::string_view, otel::nostd::string_view) noexcept override {}

 private:
  const std::string_view value_;
};

// Invalid if there is none, or if it is not as https://www.w3.org/TR/trace-context/ says.
SpanContext ParentOf(std::string_view trace_parent) {
  if (trace_parent.empty()) return SpanContext::GetInvalid();
  const TraceParentCarrier carrier(trace_parent);
  otel::context::Context context;
  context = otel::trace::propagation::HttpTraceContext().Extract(carrier, context);
  return otel::trace::GetSpan(context)->GetContext();
}

}  // namespace

RequestSpans::RequestSpans(otel::nostd::shared_ptr<otel::trace::Tracer> tracer, SystemTime origin, std::string model)
    : tracer_(std::move(tracer)), origin_(origin), model_(std::move(model)) {}

otel::trace::StartSpanOptions RequestSpans::From(Time start) const {
  otel::trace::StartSpanOptions options;
  options.start_system_time = otel::common::SystemTimestamp(origin_ + start.time_since_epoch());
  options.start_steady_time = otel::common::SteadyTimestamp(start.time_since_epoch());
  return options;
}

void RequestSpans::End(otel::trace::Span& span, Time end) {
  otel::trace::EndSpanOptions options;
  options.end_steady_time = otel::common::SteadyTimestamp(end.time_since_epoch());
  span.End(options);
}

RequestSpans::Span RequestSpans::StartRequest(const Caller& caller, std::string_view customer,
                                              scheduling::Outcome outcome,
                                              const absl::InlinedVector<SpanContext, 1>& batches) const {
  otel::trace::StartSpanOptions options = From(caller.arrival);
  options.kind = otel::trace::SpanKind::kServer;
  options.parent = caller.parent;
  using Attributes = std::vector<std::pair<otel::nostd::string_view, otel::common::AttributeValue>>;
  std::vector<std::pair<SpanContext, Attributes>> links;
  links.reserve(batches.size());
  for (const SpanContext& batch : batches) links.emplace_back(batch, Attributes());
  const Attributes attributes = {{"smartbatch.model", View(model_)},
                                 {"smartbatch.customer", View(customer)},
                                 {"smartbatch.outcome", View(scheduling::Name(outcome))}};
  Span span = tracer_->StartSpan("request", attributes, links, options);
  if (!caller.request_id.empty()) span->SetAttribute("smartbatch.request_id", View(caller.request_id));
  // Whoever goes away has not been failed.
  const bool failed = outcome != scheduling::Outcome::kAnswered && outcome != scheduling::Outcome::kCancelled;
  if (failed) span->SetStatus(StatusCode::kError, View(scheduling::Name(outcome)));
  return span;
}

void RequestSpans::Offering(const runtime::CallContext& context, Time now) {
  offered_.parent = ParentOf(context.trace_parent);
  offered_.request_id = context.request_id;
  offered_.arrival = now;
  offered_.is_traced = !offered_.parent.IsValid() || offered_.parent.IsSampled();
}

void RequestSpans::Accepted(const scheduling::Customer&, const scheduling::PendingRequest& request) {
  if (request.id.slot >= requests_.size()) requests_.resize(request.id.slot + 1);
  Request& accepted = requests_[request.id.slot];
  accepted.caller = std::move(offered_);
  accepted.sequences = static_cast<std::uint32_t>(request.sequences.size());
  accepted.longest = request.longest_at_arrival;
  accepted.batches.clear();
}

void RequestSpans::Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) {
  if (!offered_.is_traced) return;
  const Span span = StartRequest(offered_, customer, scheduling::Outcome::kRejected, {});
  span->SetAttribute("smartbatch.strategy", View(strategy));
  span->SetAttribute("smartbatch.reason", View(scheduling::Name(reason)));
  End(*span, offered_.arrival);
}

void RequestSpans::Ended(const scheduling::Finished& finished) {
  const Request& request = requests_[finished.id.slot];
  if (!request.caller.is_traced) return;
  const Span span = StartRequest(request.caller, finished.customer, finished.outcome, request.batches);
  span->SetAttribute("smartbatch.sequences", request.sequences);
  span->SetAttribute("smartbatch.longest", request.longest);
  if (!finished.strategy.empty()) span->SetAttribute("smartbatch.strategy", View(finished.strategy));

  otel::trace::StartSpanOptions in_request = From(finished.arrival);
  in_request.parent = span->GetContext();
  End(*tracer_->StartSpan("queue", in_request), finished.last_dispatch.value_or(finished.finish));
  End(*span, finished.finish);
}

void RequestSpans::Dispatched(const scheduling::Batch& batch) {
  const auto is_traced = [this](const scheduling::BatchMember& member) {
    return requests_[member.request.slot].caller.is_traced;
  };
  if (std::none_of(batch.members.begin(), batch.members.end(), is_traced)) return;
  otel::trace::StartSpanOptions options = From(batch.dispatched);
  options.kind = otel::trace::SpanKind::kClient;
  const Span span = tracer_->StartSpan("batch",
                                       {{"smartbatch.model", View(model_)},
                                        {"smartbatch.batch", batch.id},
                                        {"smartbatch.strategy", View(batch.strategy)},
                                        {"smartbatch.reason", View(scheduling::Name(batch.reason))},
                                        {"smartbatch.sequences", static_cast<std::uint32_t>(batch.members.size())},
                                        {"smartbatch.requests", scheduling::RequestsIn(batch)},
                                        {"smartbatch.longest", batch.longest},
                                        {"smartbatch.predicted_seconds", batch.predicted_seconds},
                                        {"smartbatch.backend", View(backends_[batch.backend])}},
                                       options);
  const scheduling::BatchMember* before = nullptr;
  for (const scheduling::BatchMember& member : batch.members) {
    const bool first_of_request = before == nullptr || before->request != member.request;
    if (first_of_request && is_traced(member)) requests_[member.request.slot].batches.push_back(span->GetContext());
    before = &member;
  }
  batches_.emplace(batch.id, span);
}

void RequestSpans::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  const auto found = batches_.find(batch.id);
  if (found == batches_.end()) return;
  otel::trace::Span& span = *found->second;
  span.SetAttribute("rpc.grpc.status_code", status.raw_code());
  if (!status.ok()) span.SetStatus(StatusCode::kError, absl::StatusCodeToString(status.code()));
  End(span, batch.dispatched + took);
  batches_.erase(found);
}

void RequestSpans::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  if (id >= backends_.size()) backends_.resize(id + 1);
  backends_[id] = backend.name;
}

}  // namespace smartbatch::traces
