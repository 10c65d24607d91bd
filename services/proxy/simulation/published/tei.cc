#include <algorithm>
#include <memory>

#include "services/proxy/simulation/published/policies.h"
#include "services/proxy/simulation/published/sequence_queue.h"

namespace smartbatch::simulation {
namespace {

using scheduling::DispatchReason;
using scheduling::Occasion;
using scheduling::Parameters;
using scheduling::ParameterSpecification;
using scheduling::PendingRequest;
using scheduling::PendingSequence;
using scheduling::Selection;
using scheduling::Strategy;
using scheduling::StrategyEnvironment;

// The queue of Hugging Face's text-embeddings-inference (core/src/queue.rs and the router's documentation, version
// 1.5, 2024), as it serves models that pad: sequences in the order of arrival, as long as the longest of them times
// their number stays within max_batch_tokens, and their number within max_batch_requests.
//
// A sequence that alone exceeds max_batch_tokens goes alone; the original refuses or truncates it.
class Tei final : public Strategy {
 public:
  Tei(double max_batch_tokens, std::uint32_t max_batch_requests)
      : max_batch_tokens_(max_batch_tokens), max_batch_requests_(max_batch_requests) {}

  void Add(PendingRequest& request, bool again) override {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) queue_.Push(sequence, again);
    }
  }
  void Remove(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.strategy_hook.is_linked()) queue_.Erase(sequence);
    }
  }
  // The others keep their places.
  void BeforeSplit(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.selected) queue_.Erase(sequence);
    }
  }
  void AfterSplit(PendingRequest& /*request*/) override {}

  void Select(const Occasion& /*occasion*/, Selection& selection) override {
    std::uint32_t longest = 0;
    for (PendingSequence& sequence : queue_) {
      const double count = 1.0 + static_cast<double>(selection.members().size());
      longest = std::max(longest, sequence.length);
      const bool fits = count * longest <= max_batch_tokens_ && count <= max_batch_requests_;
      if (selection.free_seats() == 0 || (!selection.empty() && !fits)) break;
      selection.Take(sequence);
    }
    if (!selection.empty()) selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  const double max_batch_tokens_;
  const double max_batch_requests_;
  SequenceQueue queue_;
};

}  // namespace

scheduling::StrategySpecification TeiSpecification() {
  return {
      "tei",
      "Text-embeddings-inference: sequences in the order of arrival, as long as the longest times their number stays "
      "within max_batch_tokens.",
      {{"max_batch_tokens", "The most that the longest length of a batch times its sequences may be.", 16'384, 1, 1e9,
        ParameterSpecification::Kind::kInteger},
       {"max_batch_requests", "The most sequences in a batch.", 1024, 1, 1024, ParameterSpecification::Kind::kInteger}},
      [](const StrategyEnvironment&, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<Tei>(parameters["max_batch_tokens"],
                                     static_cast<std::uint32_t>(parameters["max_batch_requests"]));
      },
  };
}

}  // namespace smartbatch::simulation
