// Spans made of what the scheduler tells.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/trace/span.h>
#include <opentelemetry/trace/span_context.h>
#include <opentelemetry/trace/span_startoptions.h>
#include <opentelemetry/trace/tracer.h>

#include "services/proxy/runtime/offer_observer.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::traces {

// Makes these spans:
//
//   request  of kind server, from the arrival to the end: a child of the caller's span if it sent a traceparent, else
//            the beginning of a trace; linked to each batch that carried a part of the request
//   queue    its child, from the arrival to the dispatch of the last part, or to the end if no part was dispatched
//   batch    of kind client, from the dispatch to the backend's answer: a trace of its own, since its requests belong
//            to several
//
// A request whose caller says that its trace is not sampled has no spans, and a batch of such requests has none.
// Spans carry lengths, ids, names and outcomes: no text of a customer, and no message of a backend, which may quote
// one.
//
// What it holds is bounded by the requests and batches that there are at one time. Thread safety: that of the
// scheduler.
class RequestSpans final : public scheduling::SchedulerObserver, public runtime::OfferObserver {
 public:
  using SystemTime = std::chrono::system_clock::time_point;

  // `origin` is the wall's time at the origin of the scheduler's times, `model` the model of all requests.
  RequestSpans(opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> tracer, SystemTime origin,
               std::string model);

  void Offering(const runtime::CallContext& context, Time now) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Rejected(std::string_view customer, std::string_view strategy, scheduling::RejectReason reason) override;
  void Ended(const scheduling::Finished& finished) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;

 private:
  using Span = opentelemetry::nostd::shared_ptr<opentelemetry::trace::Span>;
  using SpanContext = opentelemetry::trace::SpanContext;

  // What the caller of a request said.
  struct Caller {
    SpanContext parent = SpanContext::GetInvalid();
    std::string request_id;
    Time arrival{};
    bool is_traced = false;
  };
  struct Request {
    Caller caller;
    std::uint32_t sequences = 0;
    std::uint32_t longest = 0;
    absl::InlinedVector<SpanContext, 1> batches;
  };

  opentelemetry::trace::StartSpanOptions From(Time start) const;
  Span StartRequest(const Caller& caller, std::string_view customer, scheduling::Outcome outcome,
                    const absl::InlinedVector<SpanContext, 1>& batches) const;
  static void End(opentelemetry::trace::Span& span, Time end);

  const opentelemetry::nostd::shared_ptr<opentelemetry::trace::Tracer> tracer_;
  const SystemTime origin_;
  const std::string model_;
  Caller offered_;                 // the request that is offered at this moment
  std::vector<Request> requests_;  // by the slot of the request
  absl::flat_hash_map<scheduling::BatchId, Span> batches_;
  std::vector<std::string> backends_;  // names by id
};

}  // namespace smartbatch::traces
