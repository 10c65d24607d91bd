// Calls each customer when it is due, as close to the moment as the system wakes a thread.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <optional>
#include <queue>
#include <stop_token>
#include <vector>

#include "common/mutex.h"
#include "common/time.h"

namespace smartbatch::loadgen {

// A moment that was missed is neither dropped nor moved: the customer is called late, with the planned moment, so that
// the delay can be measured.
class Pacer {
 public:
  // Called on the thread of RunUntil, without a lock held, in the order of the moments.
  using Due = std::function<void(std::uint32_t customer, Time moment)>;

  explicit Pacer(Due due) : due_(std::move(due)) {}

  // Makes an appointment. Thread safe.
  void At(Time moment, std::uint32_t customer);

  // Calls what is due until `end` (appointments at or after it are dropped) or until a stop is asked for.
  void RunUntil(Time end, const std::stop_token& stop);

 private:
  struct Appointment {
    Time moment;
    std::uint32_t customer;
    bool operator>(const Appointment& other) const {
      return moment != other.moment ? moment > other.moment : customer > other.customer;
    }
  };

  // Waits for the next appointment and takes it. Returns nothing when none is due before `end`, or after a stop.
  std::optional<Appointment> NextDue(Time end);

  const Due due_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::priority_queue<Appointment, std::vector<Appointment>, std::greater<>> appointments_
      SMARTBATCH_GUARDED_BY(mutex_);
  bool stopped_ SMARTBATCH_GUARDED_BY(mutex_) = false;
};

}  // namespace smartbatch::loadgen
