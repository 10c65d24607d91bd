#include <algorithm>
#include <memory>

#include "services/proxy/simulation/published/policies.h"

namespace smartbatch::simulation {
namespace {

using scheduling::DispatchReason;
using scheduling::Occasion;
using scheduling::Parameters;
using scheduling::ParameterSpecification;
using scheduling::PendingRequest;
using scheduling::PendingSet;
using scheduling::Selection;
using scheduling::Strategy;
using scheduling::StrategyEnvironment;

// The dynamic batcher of the Triton Inference Server, as its user guide describes it ("Batchers: Dynamic Batcher",
// NVIDIA, 2024): requests in the order of arrival, whole, until max_batch_size is reached or the next one does not fit.
// A batch that could still grow waits until its oldest request has waited for max_queue_delay.
//
// Preferred batch sizes, priorities and queue policies, which are all off by default, are not modelled. A request that
// is larger than max_batch_size is served alone; Triton refuses it.
class Triton final : public Strategy {
 public:
  Triton(const StrategyEnvironment& environment, std::uint32_t max_batch_size, Duration max_queue_delay)
      : pending_(environment.pending),
        max_batch_size_(max_batch_size == 0 ? environment.max_batch_size
                                            : std::min(max_batch_size, environment.max_batch_size)),
        max_queue_delay_(max_queue_delay) {}

  void Add(PendingRequest& /*request*/, bool /*again*/) override {}
  void Remove(PendingRequest& /*request*/) override {}

  void Select(const Occasion& occasion, Selection& selection) override {
    PendingRequest* const oldest = pending_.Oldest();
    if (oldest == nullptr) return;
    selection.TakeWaitingOf(*oldest);
    std::uint32_t taken = oldest->waiting;
    PendingRequest* next = pending_.Younger(*oldest);
    for (; next != nullptr && taken + next->waiting <= max_batch_size_; next = pending_.Younger(*next)) {
      selection.TakeWaitingOf(*next);
      taken += next->waiting;
    }
    const bool may_grow = next == nullptr && taken < max_batch_size_;
    const Time delayed_until = Later(oldest->arrival, max_queue_delay_);
    if (may_grow && occasion.now < delayed_until) return selection.WaitUntil(delayed_until);
    selection.DispatchForOrFull(may_grow && max_queue_delay_ > Duration::zero() ? DispatchReason::kLinger
                                                                                : DispatchReason::kSlotFree);
  }

 private:
  const PendingSet& pending_;
  const std::uint32_t max_batch_size_;
  const Duration max_queue_delay_;
};

}  // namespace

scheduling::StrategySpecification TritonSpecification() {
  return {
      "triton",
      "Triton's dynamic batcher: whole requests in the order of arrival up to max_batch_size; a batch that could grow "
      "waits until its oldest request has waited for max_queue_delay_ms.",
      {{"max_batch_size", "Sequences in a batch; 0: as many as the backend takes.", 0, 0, 1024,
        ParameterSpecification::Kind::kInteger},
       {"max_queue_delay_ms", "How long the oldest request of a batch that could grow may wait, in milliseconds.", 0, 0,
        10'000}},
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<Triton>(environment, static_cast<std::uint32_t>(parameters["max_batch_size"]),
                                        FromSeconds(parameters["max_queue_delay_ms"] / 1e3));
      },
  };
}

}  // namespace smartbatch::simulation
