// Waiting requests by the number of seats they need and by length.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "services/proxy/scheduling/model/request.h"
#include "services/proxy/scheduling/queue/length_index.h"

namespace smartbatch::scheduling {

// One length index for each number of waiting sequences up to the seats of a batch, and one for the requests that have
// more. Adding and removing take constant time. Not thread safe.
class RequestClasses {
 public:
  explicit RequestClasses(std::uint32_t max_batch_size) : classes_(max_batch_size + 2) {}

  void Add(PendingRequest& request, bool again) {
    std::unique_ptr<RequestsByLength>& requests = classes_[SizeOf(request)];
    if (requests == nullptr) requests = std::make_unique<RequestsByLength>();
    if (again) {
      requests->PushFront(request);
    } else {
      requests->PushBack(request);
    }
  }
  void Remove(PendingRequest& request) { classes_[SizeOf(request)]->Erase(request); }

  // Null if no request has ever needed that many seats.
  const RequestsByLength* OfSize(std::uint32_t seats) const { return classes_[seats].get(); }
  // That of the requests with more sequences than a batch has seats: one more than these.
  std::uint32_t largest_size() const { return static_cast<std::uint32_t>(classes_.size() - 1); }

  // The unselected request with the longest sequence of at most `length` among those that need at most `seats` seats;
  // of equal ones the one that needs more seats. Null if there is none. Linear in `seats` and in the selected requests
  // that are passed over.
  PendingRequest* LongestThatFits(std::uint32_t seats, std::uint32_t length) const {
    PendingRequest* best = nullptr;
    for (std::uint32_t size = std::min(seats, largest_size()); size >= 1; --size) {
      if (classes_[size] == nullptr) continue;
      PendingRequest* request = classes_[size]->LongestWithin(length);
      while (request != nullptr && IsSelected(*request)) request = classes_[size]->NextShorter(*request);
      if (request != nullptr && (best == nullptr || request->longest_waiting > best->longest_waiting)) best = request;
    }
    return best;
  }

 private:
  std::uint32_t SizeOf(const PendingRequest& request) const { return std::min(request.waiting, largest_size()); }

  // Strategies that select whole requests select all sequences of a request or none.
  static bool IsSelected(const PendingRequest& request) {
    return std::any_of(request.sequences.begin(), request.sequences.end(),
                       [](const PendingSequence& sequence) { return sequence.selected; });
  }

  std::vector<std::unique_ptr<RequestsByLength>> classes_;
};

// Every waiting sequence by its own length, regardless of its request. Not thread safe.
class WaitingSequences {
 public:
  void Add(PendingRequest& request, bool again) {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.state != SequenceState::kWaiting || sequence.alone) continue;
      if (again) {
        by_length_.PushFront(sequence);
      } else {
        by_length_.PushBack(sequence);
      }
    }
  }
  void Remove(PendingRequest& request) {
    for (PendingSequence& sequence : request.sequences) {
      if (sequence.state == SequenceState::kWaiting && !sequence.alone) by_length_.Erase(sequence);
    }
  }
  const SequencesByLength& by_length() const { return by_length_; }

 private:
  SequencesByLength by_length_;
};

}  // namespace smartbatch::scheduling
