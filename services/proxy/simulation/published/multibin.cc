#include <algorithm>
#include <iterator>
#include <memory>
#include <vector>

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

// Multi-bin batching (Guldogan, Kunde, Lee and Pedarsani, "Multi-Bin Batching for Increasing LLM Inference Throughput",
// arXiv 2412.04504, 2024): sequences go into bins of similar lengths, each bin having the same share of them; a bin
// that holds a whole batch sends it, first in, first out, and whole batches are served in the order in which they
// became whole.
//
// The paper assumes that the distribution of lengths is known; here the bins are cut from the first kLearnFrom
// sequences, which go through one bin. The paper also waits for whole batches for ever; here, if there is none, the bin
// of the oldest sequence sends what it has rather than let the backend idle.
class Multibin final : public Strategy {
 public:
  Multibin(const StrategyEnvironment& environment, std::size_t bins)
      : max_batch_size_(environment.max_batch_size), wanted_bins_(bins), bins_(1) {}

  void Add(PendingRequest& request, bool again) override {
    for (PendingSequence& sequence : request.sequences) {
      if (!MayBeChosen(sequence)) continue;
      BinOf(sequence).Push(sequence, again);
      if (!again && bins_.size() < wanted_bins_) Learn(sequence.length);
    }
  }
  void Remove(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.strategy_hook.is_linked()) BinOf(sequence).Erase(sequence);
    }
  }
  void BeforeSplit(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.selected) BinOf(sequence).Erase(sequence);
    }
  }
  void AfterSplit(PendingRequest& /*request*/) override {}

  void Select(const Occasion& /*occasion*/, Selection& selection) override {
    SequenceQueue* chosen = nullptr;
    bool chosen_is_whole = false;
    Time since{};
    for (SequenceQueue& bin : bins_) {
      if (bin.empty()) continue;
      const bool whole = bin.size() >= max_batch_size_;
      // The moment at which it became whole or, if it is not whole, at which its oldest sequence came.
      const auto last = whole ? std::next(bin.begin(), static_cast<std::ptrdiff_t>(max_batch_size_) - 1) : bin.begin();
      const Time time = last->request->arrival;
      const bool better = chosen == nullptr || whole > chosen_is_whole || (whole == chosen_is_whole && time < since);
      if (!better) continue;
      chosen = &bin;
      chosen_is_whole = whole;
      since = time;
    }
    if (chosen == nullptr) return;
    for (PendingSequence& sequence : *chosen) {
      if (selection.free_seats() == 0) break;
      selection.Take(sequence);
    }
    selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  static constexpr std::size_t kLearnFrom = 1000;

  SequenceQueue& BinOf(const PendingSequence& sequence) {
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), sequence.length);
    return bins_[static_cast<std::size_t>(bound - bounds_.begin())];
  }

  // Cuts the bins when enough lengths have been seen, and moves the waiting sequences into them.
  void Learn(std::uint32_t length) {
    seen_.push_back(length);
    if (seen_.size() < kLearnFrom) return;
    std::vector<PendingSequence*> waiting;
    while (!bins_.front().empty()) {
      waiting.push_back(&bins_.front().front());
      bins_.front().Erase(*waiting.back());
    }
    std::sort(seen_.begin(), seen_.end());
    for (std::size_t bin = 1; bin < wanted_bins_; ++bin) {
      bounds_.push_back(seen_[bin * seen_.size() / wanted_bins_ - 1]);
    }
    seen_.clear();
    bins_ = std::vector<SequenceQueue>(wanted_bins_);
    for (PendingSequence* const sequence : waiting) BinOf(*sequence).Push(*sequence, false);
  }

  const std::uint32_t max_batch_size_;
  const std::size_t wanted_bins_;
  // The longest length of each bin except the last; bins_ has one queue more than there are bounds.
  std::vector<std::uint32_t> bounds_;
  std::vector<SequenceQueue> bins_;
  std::vector<std::uint32_t> seen_;
};

}  // namespace

scheduling::StrategySpecification MultibinSpecification() {
  return {
      "multibin",
      "Multi-bin batching: bins of similar lengths with the same share of the sequences; whole batches of one bin, in "
      "the "
      "order in which they became whole.",
      {{"bins", "The number of bins.", 4, 1, 64, ParameterSpecification::Kind::kInteger}},
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<Multibin>(environment, static_cast<std::size_t>(parameters["bins"]));
      },
  };
}

}  // namespace smartbatch::simulation
