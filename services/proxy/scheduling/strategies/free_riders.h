// Filling the seats that a batch leaves free with what adds nothing, or too little to matter, to its cost.
#pragma once

#include <cstdint>

#include "services/proxy/scheduling/model/cost_model.h"
#include "services/proxy/scheduling/model/selection.h"
#include "services/proxy/scheduling/queue/request_classes.h"

namespace smartbatch::scheduling {

// A batch takes the time of its longest sequence, so a sequence no longer than that adds nothing where riders are free:
// the longest that fit are taken, since they save the most. Never takes anything longer than what is already in.
// Where seats cost something, `pays` says of each candidate whether it is worth it, and the search ends after
// kMostRefusals refusals. Linear in the free seats and the members that are passed over.
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

// The same with whole requests.
inline void FillWithRequests(const RequestClasses& waiting, Selection& selection) {
  selection.ChoiceIsMade();
  while (selection.free_seats() > 0) {
    PendingRequest* const request = waiting.LongestThatFits(selection.free_seats(), selection.longest());
    if (request == nullptr) return;
    selection.TakeWaitingOf(*request);
  }
}

}  // namespace smartbatch::scheduling
