// The traces of requests and batches, sent to an OpenTelemetry Collector.
#pragma once

#include <memory>
#include <string>

#include <absl/status/statusor.h>

#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/offer_observer.h"
#include "services/proxy/scheduling/observer.h"

namespace smartbatch::traces {

struct TracesOptions {
  // Where the Collector takes traces over HTTP, such as http://127.0.0.1:4318/v1/traces.
  std::string endpoint;
  // The proxy's version, which every span carries.
  std::string version;
};

// The observers of one model that make its spans. They wait for nothing, and must be called by one thread at a time:
// the dispatcher's lock sees to that.
class ModelTraces {
 public:
  virtual ~ModelTraces() = default;

  // They live as long as this.
  virtual scheduling::SchedulerObserver& scheduler_observer() = 0;
  virtual runtime::OfferObserver& offer_observer() = 0;
};

// The spans of all models on their way to the Collector: the threads that send them, and a queue of bounded length in
// which they wait. Those that find it full are lost, which the log says. Thread safe.
class Traces {
 public:
  // The clock must outlive it. UNIMPLEMENTED if the proxy was built without traces. That nobody listens at the endpoint
  // is no error: the log says it again and again.
  static absl::StatusOr<std::unique_ptr<Traces>> Open(const TracesOptions& options, const runtime::Clock& clock);

  virtual ~Traces() = default;

  // Observers for the dispatcher of that model, whose spans carry its name. This must outlive them.
  virtual std::unique_ptr<ModelTraces> Of(const std::string& model) = 0;

  // Sends what waits, for about four seconds at most; what ends later is not sent. Call it once.
  virtual void Close() = 0;
};

}  // namespace smartbatch::traces
