// Requests made by hand, without a queue: for the parts of strategies that only look at them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

#include "common/random.h"
#include "services/proxy/scheduling/customers/customer.h"
#include "services/proxy/scheduling/model/request.h"

namespace smartbatch::scheduling {

// They all wait, and are numbered from 1 in the order in which they were added. Addresses stay.
class WaitingRequests {
 public:
  PendingRequest& Add(const std::vector<std::uint32_t>& lengths, Time arrival = {}) {
    PendingRequest& request = requests_.emplace_back();
    request.id.number = requests_.size();
    request.customer = &customer_;
    request.arrival = arrival;
    request.waiting = static_cast<std::uint32_t>(lengths.size());
    request.longest_waiting = request.longest_at_arrival = *std::max_element(lengths.begin(), lengths.end());
    request.sequences.resize(lengths.size());
    for (std::size_t i = 0; i < lengths.size(); ++i) {
      request.sequences[i].request = &request;
      request.sequences[i].length = lengths[i];
    }
    return request;
  }
  // One to `most_sequences` sequences of 1 to `longest` characters.
  PendingRequest& AddAny(Random& random, std::int64_t most_sequences, std::int64_t longest, Time arrival = {}) {
    std::vector<std::uint32_t> lengths;
    for (std::int64_t i = random.Between(1, most_sequences); i > 0; --i) {
      lengths.push_back(static_cast<std::uint32_t>(random.Between(1, longest)));
    }
    return Add(lengths, arrival);
  }

  std::deque<PendingRequest>& all() { return requests_; }
  const std::deque<PendingRequest>& all() const { return requests_; }
  std::vector<PendingRequest*> Pointers() {
    std::vector<PendingRequest*> pointers;
    for (PendingRequest& request : requests_) pointers.push_back(&request);
    return pointers;
  }

 private:
  Customer customer_;
  std::deque<PendingRequest> requests_;
};

}  // namespace smartbatch::scheduling
