// A queue that keeps its length: what a decision costs is measured on it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <absl/strings/str_cat.h>

#include "common/cost_model.h"
#include "common/random.h"
#include "common/time.h"
#include "services/proxy/scheduling/scheduler.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::scheduling {

// Requests drawn beforehand: the drawing is not what is measured. Each has its customer's name at hand, as one that has
// just come in has; a table of all names would be fetched from memory at every offer.
class RequestPool {
 public:
  RequestPool(std::uint32_t customers, std::uint32_t most_sequences) {
    Random random(1);
    constexpr std::size_t kRequests = 1 << 14;
    for (std::size_t i = 0; i < kRequests; ++i) {
      Request request{absl::StrCat("customer-", random.Between(0, customers - 1)), {}};
      request.lengths.resize(static_cast<std::size_t>(random.Between(1, most_sequences)));
      for (std::uint32_t& length : request.lengths) {
        length = static_cast<std::uint32_t>(std::clamp(random.Lognormal(80, 1), 10.0, 2000.0));
      }
      requests_.push_back(std::move(request));
    }
  }
  Arrival Next() {
    const Request& request = requests_[next_++ % requests_.size()];
    Arrival arrival;
    arrival.customer = request.customer;
    arrival.lengths = request.lengths;
    return arrival;
  }

 private:
  struct Request {
    std::string customer;
    std::vector<std::uint32_t> lengths;
  };
  std::vector<Request> requests_;
  std::size_t next_ = 0;
};

// One backend with one slot, and a request offered for each that ends. A batch takes what it costs to within some per
// cent, as on a real backend: times that are just as predicted would teach nothing, and spare the fit its work. The
// same calls make the same batches. Not thread safe.
class StandingQueue {
 public:
  struct Shape {
    std::string strategy = "density";
    CostModel cost{};
    std::uint32_t max_batch_size = 16;
    std::uint64_t queued = 1000;  // requests
    std::uint32_t customers = 100;
  };
  explicit StandingQueue(const Shape& shape) : shape_(shape), pool_(shape.customers, kMostSequences) {
    SchedulerOptions options;
    options.max_batch_size = shape.max_batch_size;
    options.max_queued_requests = options.max_queued_requests_per_customer = 100'000'000;
    options.max_queued_cost = options.max_queued_cost_per_customer = std::chrono::hours(1'000'000);
    scheduler_ = *Scheduler::Create(options, {shape.strategy, {}}, nullptr);
    scheduler_->AddBackend("backend", 1, shape.cost);
    for (std::uint64_t i = 0; i < shape.queued; ++i) Offer();
  }

  // Serves one batch; false if the strategy leaves the slot idle, which it must not.
  bool ServeBatch() {
    Step step = scheduler_->Next(now_);
    while (const auto* const wait = std::get_if<AskAgainAt>(&step)) {
      now_ = wait->time;
      step = scheduler_->Next(now_);
    }
    const auto* const batch = std::get_if<Batch>(&step);
    if (batch == nullptr) return false;
    now_ += FromSeconds(shape_.cost.Seconds(batch->members.size(), batch->longest) * noise_.Lognormal(1, kNoise));
    scheduler_->Complete(batch->id, absl::OkStatus(), now_, effects_);
    const std::size_t ended = effects_.finished.size();
    effects_.finished.clear();
    for (std::size_t i = 0; i < ended; ++i) Offer();
    served_ += ended;
    return true;
  }
  // Until as many requests have been served as wait: what waits then is what the strategy leaves waiting.
  bool TurnOver() {
    while (served_ < shape_.queued) {
      if (!ServeBatch()) return false;
    }
    served_ = 0;
    return true;
  }

  // Requests, since the queue was filled or turned over.
  std::uint64_t served() const { return served_; }
  bool has_kept_its_length() const {
    return scheduler_->pending().waiting_requests() + shape_.max_batch_size >= shape_.queued;
  }

 private:
  static constexpr std::uint32_t kMostSequences = 5;  // of a request
  static constexpr double kNoise = 0.05;              // standard deviation of the logarithm
  // The queue has the ages that one arrival every 20 microseconds gives it.
  static constexpr Duration kGap = std::chrono::microseconds(20);

  void Offer() { scheduler_->Offer(pool_.Next(), now_ += kGap, effects_); }

  const Shape shape_;
  RequestPool pool_;
  Random noise_{2};
  std::unique_ptr<Scheduler> scheduler_;
  Time now_{};
  Effects effects_;
  std::uint64_t served_ = 0;
};

}  // namespace smartbatch::scheduling
