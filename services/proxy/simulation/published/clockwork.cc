#include <algorithm>
#include <compare>
#include <memory>

#include <absl/container/btree_set.h>

#include "services/proxy/simulation/published/policies.h"
#include "services/proxy/simulation/published/sequence_queue.h"

namespace smartbatch::simulation {
namespace {

using scheduling::DispatchReason;
using scheduling::Occasion;
using scheduling::Parameters;
using scheduling::PendingRequest;
using scheduling::PendingSequence;
using scheduling::Selection;
using scheduling::Strategy;
using scheduling::StrategyEnvironment;

// The scheduler of Clockwork (Gujarati, Karimi, Alzayat, Hao, Kaufmann, Vigfusson and Mace, "Serving DNNs like
// Clockwork: Performance Predictability from the Bottom Up", OSDI 2020, arXiv 2006.02464), for one model: earliest
// deadline first; the largest batch of the earliest deadlines whose members are all predicted to meet theirs. A request
// that could not meet its deadline even alone and at once is dropped; here it is no longer chosen, and expires.
//
// Requests without a deadline come last, in the order of arrival. If no request has a deadline this is first come,
// first served with full batches.
class Clockwork final : public Strategy {
 public:
  void Add(PendingRequest& request, bool /*again*/) override {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) queue_.insert(EntryOf(sequence));
    }
  }
  void Remove(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) queue_.erase(EntryOf(sequence));
  }
  void BeforeSplit(PendingRequest& request) override {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.selected) queue_.erase(EntryOf(sequence));
    }
  }
  void AfterSplit(PendingRequest& /*request*/) override {}

  void Select(const Occasion& occasion, Selection& selection) override {
    const auto in_time = [&](std::uint32_t count, std::uint32_t longest, Time deadline) {
      return deadline == kNever || Later(occasion.now, FromSeconds(occasion.cost.Seconds(count, longest))) <= deadline;
    };
    while (!queue_.empty() && !in_time(1, queue_.begin()->sequence->length, queue_.begin()->deadline)) {
      queue_.erase(queue_.begin());
    }
    if (queue_.empty()) return;
    // The first deadline is the tightest: a prefix is in time if its batch ends before it.
    std::uint32_t best = 0;
    std::uint32_t count = 0;
    std::uint32_t longest = 0;
    for (auto entry = queue_.begin(); entry != queue_.end() && count < selection.free_seats(); ++entry) {
      longest = std::max(longest, entry->sequence->length);
      if (in_time(++count, longest, queue_.begin()->deadline)) best = count;
    }
    for (auto entry = queue_.begin(); best > 0; ++entry, --best) selection.Take(*entry->sequence);
    selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  struct Entry {
    Time deadline{};
    std::uint64_t number = 0;  // the order of arrival
    std::uint32_t index = 0;
    PendingSequence* sequence = nullptr;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  static Entry EntryOf(PendingSequence& sequence) {
    return {sequence.request->deadline, sequence.request->id.number, sequence.index(), &sequence};
  }

  absl::btree_set<Entry> queue_;
};

}  // namespace

scheduling::StrategySpecification ClockworkSpecification() {
  return {
      "clockwork",
      "Clockwork: earliest deadline first, the largest batch whose members all meet their deadlines; a request that "
      "cannot meet its own is dropped.",
      {},
      [](const StrategyEnvironment&, const Parameters&) -> std::unique_ptr<Strategy> {
        return std::make_unique<Clockwork>();
      },
  };
}

}  // namespace smartbatch::simulation
