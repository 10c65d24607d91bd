// Waiting sequences in the order of arrival, for policies that know no requests.
#pragma once

#include <iterator>

#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::simulation {

// First in, first out; a sequence that comes again, such as after a failed batch, goes first. It owns nothing. Not
// thread safe.
class SequenceQueue {
 public:
  using List = scheduling::SequenceList;

  void Push(scheduling::PendingSequence& sequence, bool again) {
    if (again) {
      list_.push_front(sequence);
    } else {
      list_.push_back(sequence);
    }
  }
  void Erase(scheduling::PendingSequence& sequence) { list_.erase(List::s_iterator_to(sequence)); }

  bool empty() const { return list_.empty(); }
  std::size_t size() const { return list_.size(); }
  scheduling::PendingSequence& front() { return list_.front(); }
  List::iterator begin() { return list_.begin(); }
  List::iterator end() { return list_.end(); }

 private:
  List list_;
};

}  // namespace smartbatch::simulation
