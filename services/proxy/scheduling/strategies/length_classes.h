// The waiting sequences by class of length, the oldest first in each class.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <vector>

#include <boost/intrusive/list.hpp>

#include "common/time.h"
#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/strategies/candidate.h"

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
    // The first of them, as many as have been asked for: side by side, with what has been worked out of each.
    std::vector<Candidate> front{};

    // The first, `most` at most.
    std::span<Candidate> First(std::size_t most) {
      if (front.size() < most) Extend(most);
      return std::span(front).first(std::min(most, front.size()));
    }

   private:
    friend class LengthClasses;
    void Extend(std::size_t most) {
      auto next = front.empty() ? waiting.begin() : std::next(List::s_iterator_to(*front.back().sequence));
      for (; next != waiting.end() && front.size() < most; ++next) front.emplace_back(*next);
    }
    std::vector<Candidate>::iterator Find(const PendingSequence& sequence) {
      return std::find_if(front.begin(), front.end(),
                          [&](const Candidate& candidate) { return candidate.sequence == &sequence; });
    }
    void Insert(PendingSequence& sequence) {
      auto place = waiting.begin();
      std::size_t before = 0;
      for (; place != waiting.end() && place->request->id.number <= sequence.request->id.number; ++place) ++before;
      waiting.insert(place, sequence);
      if (before < front.size()) front.erase(front.begin() + static_cast<std::ptrdiff_t>(before), front.end());
    }
    void Erase(PendingSequence& sequence) {
      waiting.erase(List::s_iterator_to(sequence));
      if (const auto place = Find(sequence); place != front.end()) front.erase(place);
    }
  };

  // `ratio` is above 1.
  explicit LengthClasses(double ratio) {
    std::uint32_t shortest = 1;
    while (shortest <= kLongestSequence) {
      const double next = std::max(std::floor(shortest * ratio), shortest + 1.0);
      const std::uint32_t beyond = static_cast<std::uint32_t>(std::min(next, kLongestSequence + 1.0));
      Class& added = classes_.emplace_back();
      added.shortest = shortest;
      added.longest = beyond - 1;
      bounds_.push_back(beyond - 1);
      shortest = beyond;
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
  // Only those that have been selected: the others keep their places, and weigh something else from now on.
  void RemoveSelected(PendingRequest& request) {
    for (PendingSequence& sequence : request.sequences) {
      if (!MayBeChosen(sequence)) continue;
      if (sequence.selected) {
        Remove(sequence);
      } else {
        Class& home = classes_[PlaceOf(sequence.length)];
        if (const auto place = home.Find(sequence); place != home.front.end()) place->costs = 0;
      }
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
    if (again) {
      home.Insert(sequence);
    } else {
      home.waiting.push_back(sequence);
    }
    home.oldest = home.waiting.front().request->arrival;
  }
  void Remove(PendingSequence& sequence) {
    Class& home = classes_[PlaceOf(sequence.length)];
    const bool first = &home.waiting.front() == &sequence;
    home.Erase(sequence);
    if (first && !home.waiting.empty()) home.oldest = home.waiting.front().request->arrival;
  }

  std::vector<Class> classes_;
  std::vector<std::uint32_t> bounds_;
};

}  // namespace smartbatch::scheduling
