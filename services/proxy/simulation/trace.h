// Traces: requests as they were sent, one JSON object a line:
//   {"timestamp_ms": 1250.5, "customer": "a", "lengths": [15, 120]}
// and, if its caller sets a deadline, "deadline_ms", counted from the same moment as the timestamp. A decision log
// (log_lines.h) is read as a trace too: of its lines the requests, their moments counted from the first of them.
#pragma once

#include <istream>
#include <ostream>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/workload/workload.h"
#include "services/proxy/simulation/arrival_feed.h"

namespace smartbatch::simulation {

// The double nearest to the time, so that it is written with only the digits of whole nanoseconds.
constexpr double ExactMilliseconds(Time time) { return static_cast<double>(time.time_since_epoch().count()) / 1e6; }

// The latest moment of a file, within the range of Time.
inline constexpr double kLatestMilliseconds = 9e12;

// Requests in the order of time, compactly.
struct Trace {
  struct Record {
    Time time{};
    std::uint32_t customer = 0;
    std::uint32_t count = 0;
    std::uint64_t first_length = 0;
    Time deadline = kNever;
  };
  std::vector<std::string> customers;
  std::vector<Record> records;
  std::vector<std::uint32_t> lengths;

  void Add(Time time, std::uint32_t customer, std::span<const std::uint32_t> request_lengths, Time deadline = kNever);
  std::span<const std::uint32_t> LengthsOf(const Record& record) const {
    return std::span(lengths).subspan(record.first_length, record.count);
  }
};

// The limits of a request in a trace.
struct TraceLimits {
  std::uint32_t max_sequences = 5;
  std::uint32_t max_sequence_length = 20'000;
};

// Larger traces and decision logs are refused: a file is read as a whole.
inline constexpr std::size_t kLargestRecordingBytes = 4'000'000'000;

// Reads a trace; empty lines are skipped. INVALID_ARGUMENT names the first line that is wrong, and what would be right.
absl::StatusOr<Trace> ReadTrace(std::istream& in, const TraceLimits& limits);
// The same from a file or a pipe; INVALID_ARGUMENT also if it cannot be read. Every message names the path.
absl::StatusOr<Trace> ReadTraceFile(const std::string& path, const TraceLimits& limits);

void WriteTrace(const Trace& trace, std::ostream& out);

// The same requests, each moment divided by `speed` (above 0); callers wait as long as before.
Trace Faster(Trace trace, double speed);

// The trace as a workload: each customer sends its requests at their moments.
workload::Workload WorkloadOf(const Trace& trace, const std::string& name, const std::string& description);

// Plays a trace, which must outlive it.
class TraceFeed final : public ArrivalFeed {
 public:
  explicit TraceFeed(const Trace& trace) : trace_(trace) {}

  const std::vector<std::string>& customers() const override { return trace_.customers; }
  std::uint64_t requests() const override { return trace_.records.size(); }
  Time NextTime() const override { return next_ == trace_.records.size() ? kNever : trace_.records[next_].time; }
  FedRequest Take() override;

 private:
  const Trace& trace_;
  std::size_t next_ = 0;
};

// Passes on the requests of another feed and keeps them. The other feed must outlive it.
class RecordingFeed final : public ArrivalFeed {
 public:
  explicit RecordingFeed(ArrivalFeed& source) : source_(source) { trace_.customers = source.customers(); }

  const std::vector<std::string>& customers() const override { return source_.customers(); }
  std::uint64_t requests() const override { return source_.requests(); }
  Time NextTime() const override { return source_.NextTime(); }
  FedRequest Take() override;
  void Ended(std::uint32_t customer, Time now) override { source_.Ended(customer, now); }

  const Trace& trace() const { return trace_; }

 private:
  ArrivalFeed& source_;
  Trace trace_;
};

}  // namespace smartbatch::simulation
