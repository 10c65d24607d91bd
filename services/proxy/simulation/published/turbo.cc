#include "services/proxy/simulation/published/turbo.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <memory>

#include <absl/container/flat_hash_map.h>

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

// The batch scheduler of TurboTransformers (Fang, Yu, Zhao and Zhou, "TurboTransformers: An Efficient GPU Serving
// System For Transformer Models", PPoPP 2021, algorithm 2): all waiting sequences are sorted by length and cut into the
// batches that take the least time together; all of these run before the queue is looked at again.
//
// The paper leaves open in which order the batches of a round run. Here the shortest lengths go first, which answers
// more callers sooner; order=longest_first reverses that. Costs are those of the proxy's cost model; the original
// measures a table when it starts.
class Turbo final : public Strategy {
 public:
  Turbo(const StrategyEnvironment& environment, bool longest_first)
      : max_batch_size_(environment.max_batch_size), longest_first_(longest_first) {}

  void Add(PendingRequest& request, bool again) override {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence) && !round_of_.contains(&sequence)) queue_.Push(sequence, again);
    }
  }
  void Remove(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) Forget(sequence);
  }
  void BeforeSplit(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.selected) Forget(sequence);
    }
  }
  void AfterSplit(PendingRequest& /*request*/) override {}

  void Select(const Occasion& occasion, Selection& selection) override {
    while (!round_.empty() && round_.front().empty()) {
      round_.pop_front();
      ++first_;
    }
    if (round_.empty()) Plan(occasion.cost);
    if (round_.empty()) return;
    for (PendingSequence* const sequence : round_.front()) selection.Take(*sequence);
    selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  using PlannedBatch = std::vector<PendingSequence*>;

  void Plan(const CostModel& cost) {
    std::vector<PendingSequence*> sequences;
    for (PendingSequence& sequence : queue_) sequences.push_back(&sequence);
    std::stable_sort(sequences.begin(), sequences.end(), [](const PendingSequence* left, const PendingSequence* right) {
      return left->length < right->length;
    });
    std::vector<std::uint32_t> lengths;
    lengths.reserve(sequences.size());
    for (PendingSequence* const sequence : sequences) {
      queue_.Erase(*sequence);
      lengths.push_back(sequence->length);
    }
    std::size_t begin = 0;
    for (const std::size_t end : CheapestRuns(lengths, max_batch_size_, cost)) {
      round_.emplace_back(sequences.begin() + static_cast<std::ptrdiff_t>(begin),
                          sequences.begin() + static_cast<std::ptrdiff_t>(end));
      begin = end;
    }
    if (longest_first_) std::reverse(round_.begin(), round_.end());
    for (std::size_t i = 0; i < round_.size(); ++i) {
      for (PendingSequence* const sequence : round_[i]) round_of_[sequence] = first_ + i;
    }
  }

  void Forget(PendingSequence& sequence) {
    if (sequence.strategy_hook.is_linked()) queue_.Erase(sequence);
    const auto planned = round_of_.find(&sequence);
    if (planned == round_of_.end()) return;
    PlannedBatch& batch = round_[planned->second - first_];
    batch.erase(std::find(batch.begin(), batch.end(), &sequence));
    round_of_.erase(planned);
  }

  const std::uint32_t max_batch_size_;
  const bool longest_first_;
  // The sequences that came since the round was planned.
  SequenceQueue queue_;
  // The rest of the round, and for each sequence in it the number of its batch; `first_` is that of the front.
  std::deque<PlannedBatch> round_;
  std::size_t first_ = 0;
  absl::flat_hash_map<const PendingSequence*, std::size_t> round_of_;
};

}  // namespace

std::vector<std::size_t> CheapestRuns(std::span<const std::uint32_t> lengths, std::uint32_t max_batch_size,
                                      const CostModel& cost) {
  // The least time of the first i lengths, and the position at which the last run of that cut begins.
  std::vector<double> least(lengths.size() + 1, std::numeric_limits<double>::infinity());
  std::vector<std::size_t> begins(lengths.size() + 1, 0);
  least[0] = 0;
  for (std::size_t end = 1; end <= lengths.size(); ++end) {
    const std::size_t most = std::min<std::size_t>(end, max_batch_size);
    for (std::size_t count = 1; count <= most; ++count) {
      const double time = least[end - count] + cost.Seconds(static_cast<std::uint32_t>(count), lengths[end - 1]);
      if (time > least[end]) continue;
      least[end] = time;
      begins[end] = end - count;
    }
  }
  std::vector<std::size_t> ends;
  for (std::size_t end = lengths.size(); end > 0; end = begins[end]) ends.push_back(end);
  std::reverse(ends.begin(), ends.end());
  return ends;
}

scheduling::StrategySpecification TurboSpecification() {
  return {
      "turbo",
      "TurboTransformers: all waiting sequences, sorted by length and cut into the batches that take the least time "
      "together, "
      "which all run before the queue is looked at again.",
      {{"order",
        "Which batches of a round run first.",
        0,
        0,
        1,
        ParameterSpecification::Kind::kChoice,
        {"shortest_first", "longest_first"}}},
      [](const StrategyEnvironment& environment, const Parameters& parameters) -> std::unique_ptr<Strategy> {
        return std::make_unique<Turbo>(environment, parameters["order"] != 0);
      },
  };
}

}  // namespace smartbatch::simulation
