// What spans tell of requests and batches: parents, links, times, and what they leave out.
#include "services/proxy/observers/traces/request_spans.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <opentelemetry/exporters/memory/in_memory_span_data.h>
#include <opentelemetry/exporters/memory/in_memory_span_exporter.h>
#include <opentelemetry/sdk/trace/simple_processor_factory.h>
#include <opentelemetry/sdk/trace/span_data.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>

#include "services/proxy/runtime/dispatcher.h"
#include "tests/proxy/manual_clock.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::traces {
namespace {

namespace otel = opentelemetry;
using otel::sdk::trace::SpanData;
using otel::trace::SpanKind;
using otel::trace::StatusCode;
using std::chrono::milliseconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kTrace[] = "0af7651916cd43dd8448eb211c80319c";
constexpr char kCallerSpan[] = "b7ad6b7169203331";
// 2023-11-14 22:13:20 at the origin of the clock.
const RequestSpans::SystemTime kOrigin{std::chrono::seconds(1'700'000'000)};

std::string TraceParent(bool sampled) {
  return std::string("00-") + kTrace + "-" + kCallerSpan + (sampled ? "-01" : "-00");
}

std::string Hex(const otel::trace::TraceId& id) {
  std::string text(32, '0');
  id.ToLowerBase16(otel::nostd::span<char, 32>(text.data(), 32));
  return text;
}
std::string Hex(const otel::trace::SpanId& id) {
  std::string text(16, '0');
  id.ToLowerBase16(otel::nostd::span<char, 16>(text.data(), 16));
  return text;
}

std::string TextOf(const SpanData& span, const std::string& key) {
  const auto found = span.GetAttributes().find(key);
  return found == span.GetAttributes().end() ? "" : otel::nostd::get<std::string>(found->second);
}
std::uint32_t NumberOf(const SpanData& span, const std::string& key) {
  return otel::nostd::get<std::uint32_t>(span.GetAttributes().at(key));
}

// A dispatcher in front of a scripted backend, and every span that has ended.
class RequestSpansTest : public ::testing::Test {
 protected:
  using Spans = std::vector<std::unique_ptr<SpanData>>;

  RequestSpansTest() {
    auto exporter = std::make_unique<otel::exporter::memory::InMemorySpanExporter>();
    ended_ = exporter->GetData();
    provider_ = otel::sdk::trace::TracerProviderFactory::Create(
        otel::sdk::trace::SimpleSpanProcessorFactory::Create(std::move(exporter)));
    spans_ = std::make_unique<RequestSpans>(provider_->GetTracer("test"), kOrigin, "words");
    scheduling::SchedulerOptions options;
    options.max_attempts = 1;
    options.max_queued_requests = 3;
    dispatcher_ = std::make_unique<runtime::Dispatcher>(
        *scheduling::Scheduler::Create(options, {"fcfs", {{"linger_ms", "0"}}}, spans_.get()), clock_, nullptr,
        spans_.get());
    dispatcher_->AddBackend("backend:1", 1, {}, backend_);
  }
  ~RequestSpansTest() override {
    dispatcher_->Close();
    while (auto sent = backend_.Take()) std::move(sent->reply).Fulfil(absl::CancelledError("the test is over"));
  }

  void Submit(std::vector<std::string> texts, const runtime::CallContext& context = {}, Time deadline = kNever) {
    tickets_.push_back(std::make_unique<runtime::Ticket>());
    runtime::Submission request{
        .customer = "customer", .payload = testing::PayloadOf(std::move(texts)), .deadline = deadline};
    request.context = context;
    dispatcher_->Submit(std::move(request), *tickets_.back(), runtime::Reply([](absl::StatusOr<runtime::Ending>) {}));
  }
  // Those that have ended since the last call, by name in the order of their ends.
  std::map<std::string, Spans> Ended() {
    std::map<std::string, Spans> spans;
    for (auto& span : ended_->GetSpans()) {
      const std::string name(span->GetName());
      spans[name].push_back(std::move(span));
    }
    return spans;
  }
  Duration SinceOrigin(const SpanData& span) const {
    return Duration(span.GetStartTime().time_since_epoch() - kOrigin.time_since_epoch());
  }

  testing::ManualClock clock_;
  testing::ScriptedBackend backend_;
  std::shared_ptr<otel::exporter::memory::InMemorySpanData> ended_;
  std::unique_ptr<otel::sdk::trace::TracerProvider> provider_;
  std::unique_ptr<RequestSpans> spans_;
  std::unique_ptr<runtime::Dispatcher> dispatcher_;
  std::vector<std::unique_ptr<runtime::Ticket>> tickets_;
};

TEST_F(RequestSpansTest, ContinueTheTraceOfTheCallerWithTheTimesOfTheRequest) {
  Submit({"aaa"});  // takes the backend's slot, so that the next one waits
  Submit({"bb", "bbbb"}, {.request_id = "request-7", .trace_parent = TraceParent(true)});
  clock_.Advance(milliseconds(20));
  backend_.AnswerNext();
  clock_.Advance(milliseconds(30));
  backend_.AnswerNext();
  const auto spans = Ended();
  ASSERT_THAT(spans.at("request"), SizeIs(2));
  const SpanData& request = *spans.at("request")[1];
  EXPECT_EQ(Hex(request.GetTraceId()), kTrace);
  EXPECT_EQ(Hex(request.GetParentSpanId()), kCallerSpan);
  EXPECT_EQ(request.GetSpanKind(), SpanKind::kServer);
  EXPECT_EQ(request.GetStatus(), StatusCode::kUnset);
  EXPECT_EQ(SinceOrigin(request), std::chrono::hours(1)) << "where the manual clock begins";
  EXPECT_EQ(request.GetDuration(), milliseconds(50));
  EXPECT_EQ(TextOf(request, "smartbatch.model"), "words");
  EXPECT_EQ(TextOf(*spans.at("batch")[0], "smartbatch.model"), "words");
  EXPECT_EQ(TextOf(request, "smartbatch.customer"), "customer");
  EXPECT_EQ(TextOf(request, "smartbatch.request_id"), "request-7");
  EXPECT_EQ(TextOf(request, "smartbatch.outcome"), "answered");
  EXPECT_EQ(TextOf(request, "smartbatch.strategy"), "fcfs");
  EXPECT_EQ(NumberOf(request, "smartbatch.sequences"), 2U);
  EXPECT_EQ(NumberOf(request, "smartbatch.longest"), 4U);

  const SpanData& queue = *spans.at("queue")[1];
  EXPECT_EQ(Hex(queue.GetTraceId()), kTrace);
  EXPECT_EQ(queue.GetParentSpanId(), request.GetSpanId());
  EXPECT_EQ(queue.GetStartTime(), request.GetStartTime());
  EXPECT_EQ(queue.GetDuration(), milliseconds(20));
}

TEST_F(RequestSpansTest, LinkEachRequestToTheBatchThatCarriedIt) {
  Submit({"first"});
  Submit({"aa"}, {.request_id = "", .trace_parent = TraceParent(true)});
  Submit({"bbbb"});
  clock_.Advance(milliseconds(20));
  backend_.AnswerNext();
  clock_.Advance(milliseconds(30));
  backend_.AnswerNext();
  const auto spans = Ended();
  ASSERT_THAT(spans.at("batch"), SizeIs(2));
  const SpanData& batch = *spans.at("batch")[1];
  EXPECT_EQ(batch.GetSpanKind(), SpanKind::kClient);
  EXPECT_FALSE(batch.GetParentSpanId().IsValid());
  EXPECT_EQ(SinceOrigin(batch), std::chrono::hours(1) + milliseconds(20));
  EXPECT_EQ(batch.GetDuration(), milliseconds(30));
  EXPECT_EQ(TextOf(batch, "smartbatch.backend"), "backend:1");
  EXPECT_EQ(TextOf(batch, "smartbatch.strategy"), "fcfs");
  EXPECT_EQ(NumberOf(batch, "smartbatch.sequences"), 2U);
  EXPECT_EQ(NumberOf(batch, "smartbatch.requests"), 2U);
  EXPECT_EQ(NumberOf(batch, "smartbatch.longest"), 4U);

  ASSERT_THAT(spans.at("request"), SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    const auto& links = spans.at("request")[i]->GetLinks();
    const SpanData& carrier = *spans.at("batch")[i == 0 ? 0 : 1];
    ASSERT_THAT(links, SizeIs(1)) << i;
    EXPECT_EQ(links[0].GetSpanContext().span_id(), carrier.GetSpanId()) << i;
    EXPECT_EQ(links[0].GetSpanContext().trace_id(), carrier.GetTraceId()) << i;
  }
}

TEST_F(RequestSpansTest, LinkARequestToEveryBatchThatCarriedAPartOfIt) {
  Submit({"a", "b"});
  backend_.FailNext(absl::InternalError("try them one by one"));
  backend_.AnswerNext();
  backend_.AnswerNext();
  const auto spans = Ended();
  ASSERT_THAT(spans.at("batch"), SizeIs(3));
  ASSERT_THAT(spans.at("request"), SizeIs(1));
  const auto& links = spans.at("request")[0]->GetLinks();
  ASSERT_THAT(links, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(links[i].GetSpanContext().span_id(), spans.at("batch")[i]->GetSpanId()) << i;
  }
  EXPECT_EQ(spans.at("batch")[0]->GetStatus(), StatusCode::kError);
  EXPECT_EQ(TextOf(*spans.at("batch")[1], "smartbatch.reason"), "retry");
}

TEST_F(RequestSpansTest, BeginATraceOfItsOwnForARequestWhoseCallerSaysNothingOrNothingValid) {
  Submit({"a"});
  Submit({"b"}, {.request_id = "", .trace_parent = "00-nonsense-01"});
  backend_.AnswerNext();
  backend_.AnswerNext();
  const auto spans = Ended();
  ASSERT_THAT(spans.at("request"), SizeIs(2));
  for (const auto& request : spans.at("request")) {
    EXPECT_TRUE(request->GetTraceId().IsValid());
    EXPECT_FALSE(request->GetParentSpanId().IsValid());
  }
  EXPECT_NE(spans.at("request")[0]->GetTraceId(), spans.at("request")[1]->GetTraceId());
}

TEST_F(RequestSpansTest, LeaveOutARequestWhoseTraceIsNotSampledAndABatchOfSuchRequests) {
  Submit({"a"}, {.request_id = "", .trace_parent = TraceParent(false)});
  Submit({"b"}, {.request_id = "", .trace_parent = TraceParent(false)});
  Submit({"c"}, {.request_id = "", .trace_parent = TraceParent(true)});
  backend_.AnswerNext();
  EXPECT_THAT(Ended(), IsEmpty());
  backend_.AnswerNext();
  const auto spans = Ended();
  EXPECT_THAT(spans.at("request"), SizeIs(1));
  EXPECT_THAT(spans.at("batch"), SizeIs(1)) << "one of its two requests is traced";
}

TEST_F(RequestSpansTest, TellARefusalWithItsReason) {
  for (int i = 0; i < 3; ++i) Submit({"a"});
  clock_.Advance(milliseconds(5));
  Submit({"b"}, {.request_id = "", .trace_parent = TraceParent(true)});
  const auto spans = Ended();
  ASSERT_THAT(spans.at("request"), SizeIs(1));
  const SpanData& request = *spans.at("request")[0];
  EXPECT_EQ(Hex(request.GetTraceId()), kTrace);
  EXPECT_EQ(SinceOrigin(request), std::chrono::hours(1) + milliseconds(5));
  EXPECT_EQ(request.GetStatus(), StatusCode::kError);
  EXPECT_EQ(TextOf(request, "smartbatch.outcome"), "rejected");
  EXPECT_EQ(TextOf(request, "smartbatch.reason"), "queue_full");
}

TEST_F(RequestSpansTest, TellARequestThatEndsBeforeItsBatchAndTheBatchLater) {
  Submit({"a"}, {}, clock_.Now() + milliseconds(10));
  clock_.Advance(milliseconds(10));
  dispatcher_->Tick();
  auto spans = Ended();
  ASSERT_THAT(spans["request"], SizeIs(1));
  EXPECT_EQ(TextOf(*spans["request"][0], "smartbatch.outcome"), "expired");
  ASSERT_THAT(spans["request"][0]->GetLinks(), SizeIs(1));
  const auto batch = spans["request"][0]->GetLinks()[0].GetSpanContext().span_id();
  clock_.Advance(milliseconds(5));
  backend_.AnswerNext();
  spans = Ended();
  ASSERT_THAT(spans["batch"], SizeIs(1));
  EXPECT_EQ(spans["batch"][0]->GetSpanId(), batch);
  EXPECT_EQ(spans["batch"][0]->GetDuration(), milliseconds(15));
}

TEST_F(RequestSpansTest, HoldNoTextOfACustomerAndNoMessageOfABackend) {
  Submit({"secret"});
  backend_.FailNext(absl::InvalidArgumentError("secret is too long"));
  const auto spans = Ended();
  ASSERT_THAT(spans.at("batch"), SizeIs(1));
  ASSERT_THAT(spans.at("request"), SizeIs(1));
  EXPECT_EQ(spans.at("batch")[0]->GetStatus(), StatusCode::kError);
  EXPECT_EQ(spans.at("batch")[0]->GetDescription(), "INVALID_ARGUMENT");
  EXPECT_EQ(TextOf(*spans.at("request")[0], "smartbatch.outcome"), "backend_failed");
  for (const auto& [name, all] : spans) {
    for (const auto& span : all) {
      EXPECT_EQ(std::string(span->GetDescription()).find("secret"), std::string::npos) << name;
      for (const auto& [key, value] : span->GetAttributes()) {
        const auto* const text = otel::nostd::get_if<std::string>(&value);
        if (text == nullptr) continue;
        EXPECT_EQ(text->find("secret"), std::string::npos) << name << " " << key;
      }
    }
  }
}

}  // namespace
}  // namespace smartbatch::traces
