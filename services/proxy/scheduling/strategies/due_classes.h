// The waiting sequences by class of length, and by due time within a class.
#pragma once

#include <algorithm>
#include <cmath>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <absl/container/btree_set.h>

#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// Like LengthClasses, but each class is sorted by the time at which the requests are due.
// Complexity: adding and removing are logarithmic in the size of the class. Thread safety: none.
class DueClasses {
 public:
  struct Entry {
    Time due{};
    std::uint64_t number = 0;  // the order of arrival
    std::uint32_t index = 0;
    PendingSequence* sequence = nullptr;
    friend auto operator<=>(const Entry&, const Entry&) = default;
  };
  struct Class {
    std::uint32_t shortest = 0;
    std::uint64_t characters = 0;  // of all that wait in this class
    absl::btree_set<Entry> waiting{};
    bool empty() const { return characters == 0; }
    // The request that is due first. Requires: the class is not empty.
    PendingRequest& first() const { return *waiting.begin()->sequence->request; }
    std::uint32_t MeanLength() const { return static_cast<std::uint32_t>(characters / waiting.size()); }
  };

  // `ratio` must be above 1: the first length of each class over that of the class before.
  explicit DueClasses(double ratio) {
    std::uint32_t shortest = 1;
    while (shortest <= kLongestSequence) {
      classes_.emplace_back().shortest = shortest;
      bounds_.push_back(shortest);
      const double next = std::max(std::floor(shortest * ratio), shortest + 1.0);
      shortest = static_cast<std::uint32_t>(std::min(next, kLongestSequence + 1.0));
    }
  }

  // Adds those waiting sequences of the request that a strategy may choose.
  void Add(PendingRequest& request) {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) Add(sequence);
    }
  }
  void Remove(PendingRequest& request) {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) Remove(sequence);
    }
  }
  // Only those that have been selected: the others keep their places.
  void RemoveSelected(PendingRequest& request) {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence) && sequence.selected) Remove(sequence);
    }
  }

  // In ascending length.
  const std::vector<Class>& classes() const { return classes_; }

 private:
  void Add(PendingSequence& sequence) {
    Class& home = HomeOf(sequence);
    home.waiting.insert(EntryOf(sequence));
    home.characters += sequence.length;
  }
  void Remove(PendingSequence& sequence) {
    Class& home = HomeOf(sequence);
    home.waiting.erase(EntryOf(sequence));
    home.characters -= sequence.length;
  }

  static Entry EntryOf(PendingSequence& sequence) {
    return {sequence.request->due, sequence.request->id.number, sequence.index(), &sequence};
  }
  Class& HomeOf(const PendingSequence& sequence) {
    const auto above = std::upper_bound(bounds_.begin(), bounds_.end(), sequence.length);
    return classes_[static_cast<std::size_t>(above - bounds_.begin()) - 1];
  }
  std::vector<Class> classes_;
  std::vector<std::uint32_t> bounds_;
};

}  // namespace smartbatch::scheduling
