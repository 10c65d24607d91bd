// Collects the records of a block while it runs, and the figures that can be shown meanwhile.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/mutex.h"
#include "tools/loadgen/engine/load_observer.h"
#include "tools/loadgen/model/request_record.h"

namespace smartbatch::loadgen {

// What a progress line shows.
struct LiveFigures {
  std::uint64_t sent = 0;
  std::uint64_t answered = 0;
  std::uint64_t failed = 0;
  // The median of the last answers, at most 1,000; 0 if there are none.
  double p50_ms = 0;
  double p99_ms = 0;

  std::uint64_t in_flight() const { return sent - answered - failed; }
};

// Thread safe.
class RunRecorder {
 public:
  // The observer may be null and must outlive the recorder.
  explicit RunRecorder(LoadObserver* observer = nullptr) : observer_(observer) {}

  // A request has left.
  void CountSent();
  // A request that was sent has ended; `message` is the server's if it failed.
  void AddDone(RequestRecord record, const std::string& message);
  // A request that was due could not be sent.
  void AddNotSent(RequestRecord record);

  LiveFigures Live() const;

  // Returns the records in the order in which the requests ended; call it when the block is over.
  std::vector<RequestRecord> TakeRecords();
  // For each code except OK, the first message that came with it.
  std::map<int, std::string> TakeMessages();

 private:
  static constexpr std::size_t kRecent = 1000;

  LoadObserver* const observer_;
  mutable Mutex mutex_;
  std::vector<RequestRecord> records_ SMARTBATCH_GUARDED_BY(mutex_);
  std::map<int, std::string> messages_ SMARTBATCH_GUARDED_BY(mutex_);
  std::array<double, kRecent> recent_ms_{};
  std::uint64_t sent_ = 0;
  std::uint64_t answered_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace smartbatch::loadgen
