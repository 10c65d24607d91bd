#include "services/proxy/observers/traces/traces.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <opentelemetry/exporters/otlp/otlp_http_exporter.h>
#include <opentelemetry/exporters/otlp/otlp_http_exporter_options.h>
#include <opentelemetry/nostd/shared_ptr.h>
#include <opentelemetry/sdk/common/global_log_handler.h>
#include <opentelemetry/sdk/resource/resource.h>
#include <opentelemetry/sdk/trace/batch_span_processor_factory.h>
#include <opentelemetry/sdk/trace/batch_span_processor_options.h>
#include <opentelemetry/sdk/trace/tracer_provider.h>
#include <opentelemetry/sdk/trace/tracer_provider_factory.h>
#include <opentelemetry/trace/tracer.h>
#include <spdlog/spdlog.h>

#include "common/one_line.h"
#include "common/program/limited_log.h"
#include "services/proxy/observers/traces/request_spans.h"

namespace smartbatch::traces {
namespace {

namespace otel = opentelemetry;
namespace otlp = otel::exporter::otlp;
namespace sdk = otel::sdk::trace;
namespace sdk_log = otel::sdk::common::internal_log;

using std::chrono::milliseconds;
using std::chrono::seconds;

// The most spans that wait to be sent, each about a kilobyte.
constexpr std::size_t kMostWaiting = 16'384;
constexpr std::size_t kMostSentAtOnce = 2048;
constexpr milliseconds kInterval{500};
constexpr seconds kExportTimeout{2};
constexpr seconds kCloseTimeout{2};

// Takes what the SDK says into the proxy's own log; the SDK would write a line to standard output for every lost span.
class SdkLog final : public sdk_log::LogHandler {
 public:
  void Handle(sdk_log::LogLevel level, const char*, int, const char* message,
              const otel::sdk::common::AttributeMap&) noexcept override {
    const auto severity = level == sdk_log::LogLevel::Debug  ? spdlog::level::debug
                          : level == sdk_log::LogLevel::Info ? spdlog::level::info
                                                             : spdlog::level::warn;
    program::LogLimited(limit_, severity, "traces: {}", OneLine(message));
  }

 private:
  program::LogLimit limit_{1, seconds(5)};
};

class ModelSpans final : public ModelTraces {
 public:
  ModelSpans(otel::nostd::shared_ptr<otel::trace::Tracer> tracer, RequestSpans::SystemTime origin,
             const std::string& model)
      : spans_(std::move(tracer), origin, model) {}

  scheduling::SchedulerObserver& scheduler_observer() override { return spans_; }
  runtime::OfferObserver& offer_observer() override { return spans_; }

 private:
  RequestSpans spans_;
};

class SentTraces final : public Traces {
 public:
  SentTraces(const TracesOptions& options, RequestSpans::SystemTime origin)
      : version_(options.version), origin_(origin) {
    otlp::OtlpHttpExporterOptions http;
    http.url = options.endpoint;
    http.content_type = otlp::HttpRequestContentType::kBinary;
    http.timeout = kExportTimeout;
    auto exporter = std::make_unique<otlp::OtlpHttpExporter>(http);
    exporter_ = exporter.get();
    sdk::BatchSpanProcessorOptions batches;
    batches.max_queue_size = kMostWaiting;
    batches.max_export_batch_size = kMostSentAtOnce;
    batches.schedule_delay_millis = kInterval;
    provider_ = sdk::TracerProviderFactory::Create(
        sdk::BatchSpanProcessorFactory::Create(std::move(exporter), batches),
        otel::sdk::resource::Resource::Create(
            {{"service.name", "smartbatch-proxy"}, {"service.version", options.version}}));
  }
  ~SentTraces() override {
    exporter_->Shutdown(std::chrono::microseconds(0));  // what still waits must not hold the end up
  }

  std::unique_ptr<ModelTraces> Of(const std::string& model) override {
    return std::make_unique<ModelSpans>(provider_->GetTracer("smartbatch", version_), origin_, model);
  }

  void Close() override {
    provider_->ForceFlush(kCloseTimeout);
    exporter_->Shutdown(std::chrono::microseconds(0));
  }

 private:
  const std::string version_;
  const RequestSpans::SystemTime origin_;
  std::unique_ptr<sdk::TracerProvider> provider_;
  otlp::OtlpHttpExporter* exporter_ = nullptr;  // the provider's
};

}  // namespace

absl::StatusOr<std::unique_ptr<Traces>> Traces::Open(const TracesOptions& options, const runtime::Clock& clock) {
  sdk_log::GlobalLogHandler::SetLogHandler(otel::nostd::shared_ptr<sdk_log::LogHandler>(std::make_shared<SdkLog>()));
  const auto origin = std::chrono::system_clock::now() - clock.Now().time_since_epoch();
  return std::make_unique<SentTraces>(options, origin);
}

}  // namespace smartbatch::traces
