// Fills the free seats of a batch with what adds nothing, or too little to matter, to its cost.
#pragma once

#include <cstdint>

#include "common/cost_model.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/queue/request_classes.h"

namespace smartbatch::scheduling {

// A batch takes the time of its longest sequence. If riders are free, a sequence that is no longer adds nothing: the
// longest that fit are taken, since they save the most. Nothing longer than the longest member is ever taken. If seats
// cost something, `pays` tells whether a candidate is worth its seat, and the search ends after kMostRefusals refusals.
// Complexity: linear in the free seats and in the members that are passed over.
template <class Pays>
void FillWithSequences(const SequencesByLength& waiting, Selection& selection, Pays pays) {
  constexpr int kMostRefusals = 4;
  selection.ChoiceIsMade();
  int refusals = 0;
  PendingSequence* sequence = waiting.LongestWithin(selection.longest());
  while (sequence != nullptr && selection.free_seats() > 0 && refusals < kMostRefusals) {
    PendingSequence* const next = waiting.NextShorter(*sequence);
    if (!sequence->selected) {
      if (pays(*sequence)) {
        selection.Take(*sequence);
      } else {
        ++refusals;
      }
    }
    sequence = next;
  }
}

// The same with whole requests, whatever their seats cost.
inline void FillWithRequests(const RequestClasses& waiting, Selection& selection) {
  selection.ChoiceIsMade();
  while (selection.free_seats() > 0) {
    PendingRequest* const request = waiting.LongestThatFits(selection.free_seats(), selection.longest());
    if (request == nullptr) return;
    selection.TakeWaitingOf(*request);
  }
}

}  // namespace smartbatch::scheduling
