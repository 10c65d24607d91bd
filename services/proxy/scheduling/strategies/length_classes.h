// The waiting sequences by class of length, the oldest first in each class.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/model/selection.h"

namespace smartbatch::scheduling {

// Each class holds the lengths from one bound to the next, which is `ratio` times as long, so a few tens of classes
// hold them all. Among sequences of about one length the oldest is the heaviest, so the first few of each class are all
// that a choice has to see, however many wait.
//
// Adding at the back and removing take constant time; adding again what had left walks past what is older. Not thread
// safe.
class LengthClasses {
 public:
  using List =
      boost::intrusive::list<PendingSequence,
                             boost::intrusive::member_hook<PendingSequence, IndexHook, &PendingSequence::strategy_hook>,
                             boost::intrusive::constant_time_size<false>>;
  struct Class {
    std::uint32_t shortest = 0;
    std::uint32_t longest = 0;
    // Arrival of the first: here, since to look at a sequence that has not been looked at for long is to wait for
    // memory.
    Time oldest{};
    List waiting{};
    // Of how many requests, from the first, a choice should look at the sequences (ShowAsManyAsAreTaken).
    std::uint32_t shown = 0;
  };

  // `ratio` is above 1. At first a choice looks at `shown` of each class.
  LengthClasses(double ratio, std::uint32_t shown) {
    for (std::uint32_t shortest = 1; shortest <= kLongestSequence; shortest = bounds_.back() + 1) {
      const double next = std::max(std::floor(shortest * ratio), shortest + 1.0);
      bounds_.push_back(static_cast<std::uint32_t>(std::min(next - 1, double{kLongestSequence})));
    }
    classes_ = std::vector<Class>(bounds_.size());
    for (std::size_t i = 0; i < bounds_.size(); ++i) {
      classes_[i].shortest = i == 0 ? 1 : bounds_[i - 1] + 1;
      classes_[i].longest = bounds_[i];
      classes_[i].shown = shown;
    }
  }

  // The waiting sequences of the request that a strategy may choose.
  void Add(PendingRequest& request, bool again) {
    for (PendingSequence& sequence : request.sequences) {
      if (MayBeChosen(sequence)) Add(sequence, again);
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

  // A batch was chosen. Of each class that it could have sequences of, the next choice looks at four times as many
  // requests as the batch took sequences, a tenth fewer than were shown, or `fewest`, whichever is most, but at most
  // `most`. So the classes that fill batches are shown as far as they fill them, and the many others cost little.
  void ShowAsManyAsAreTaken(const Selection& batch, std::uint32_t fewest, std::uint32_t most) {
    constexpr std::uint32_t kTimesTaken = 4;
    taken_.assign(PlaceOf(batch.longest()) + 1, 0);
    for (const PendingSequence* const sequence : batch.members()) ++taken_[PlaceOf(sequence->length)];
    for (std::size_t i = 0; i < taken_.size(); ++i) {
      classes_[i].shown = std::min(std::max({kTimesTaken * taken_[i], 9 * classes_[i].shown / 10, fewest}), most);
    }
  }

  // In ascending length.
  std::vector<Class>& classes() { return classes_; }
  std::size_t PlaceOf(std::uint32_t length) const {
    return static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), length) - bounds_.begin());
  }

 private:
  void Add(PendingSequence& sequence, bool again) {
    Class& home = classes_[PlaceOf(sequence.length)];
    auto place = home.waiting.end();
    if (again) {
      place = home.waiting.begin();
      while (place != home.waiting.end() && place->request->id.number <= sequence.request->id.number) ++place;
    }
    home.waiting.insert(place, sequence);
    home.oldest = home.waiting.front().request->arrival;
  }
  void Remove(PendingSequence& sequence) {
    Class& home = classes_[PlaceOf(sequence.length)];
    const bool first = &home.waiting.front() == &sequence;
    home.waiting.erase(List::s_iterator_to(sequence));
    if (first && !home.waiting.empty()) home.oldest = home.waiting.front().request->arrival;
  }

  std::vector<Class> classes_;
  std::vector<std::uint32_t> bounds_;  // the longest length of each
  std::vector<std::uint32_t> taken_;   // by class
};

}  // namespace smartbatch::scheduling
