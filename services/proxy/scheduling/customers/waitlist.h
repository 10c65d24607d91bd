// The calls that found the queue, or their customer's share of it, full.
#pragma once

#include <cstddef>

#include "common/time.h"
#include "services/proxy/scheduling/customers/answer_rate.h"
#include "services/proxy/scheduling/customers/promised_places.h"

namespace smartbatch::scheduling {

// One for the whole queue, and one for each customer whose own share is or was full. Not thread safe.
struct Waitlist {
  static constexpr std::size_t kMostOfAll = 65'536;
  static constexpr std::size_t kMostOfCustomer = 256;

  explicit Waitlist(std::size_t most) : places(most) {}

  PromisedPlaces places;
  // When the last place that was promised in turn is expected to be free.
  Time last_place = Time::min();
  AnswerRate answers;
};

}  // namespace smartbatch::scheduling
