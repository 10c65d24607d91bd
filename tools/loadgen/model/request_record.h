// What is kept of every request: the raw data that every figure is computed from.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/time.h"

namespace smartbatch::loadgen {

// Codes beside gRPC's own (0 to 16) for requests that have no answer.
inline constexpr int kStatusOk = 0;
inline constexpr int kStatusNotSent = -1;     // the limit of requests in flight was reached when it was due
inline constexpr int kStatusUnfinished = -2;  // in flight when the run was interrupted

struct RequestRecord {
  // The customer's place in the workload.
  std::uint32_t customer = 0;
  std::uint32_t sequences = 0;
  // Of the longest sequence, in characters.
  std::uint32_t longest = 0;

  // Since the start of the block, warm-up included. `scheduled` is when the workload wanted the request sent: an
  // open loop's arrival, or a closed loop's previous answer plus the think time.
  Duration scheduled{};
  Duration sent{};
  Duration done{};

  // gRPC's code, or one of those above.
  int status_code = kStatusOk;

  // The server said nothing: nobody accepts connections, or the connection broke. This is not written to the files;
  // a block in which too many requests ended this way has a defect.
  bool disconnected = false;

  // What the server says of the request; zero and empty if it says nothing.
  double proxy_latency_ms = 0;
  double queue_ms = 0;
  double service_ms = 0;
  std::uint32_t batches = 0;
  // The part of the server's batches that this request filled: sequences / batch size, summed over its batches.
  // Over all the requests of a batch these parts sum to 1, so their sum counts batches.
  double batch_share = 0;
  // The strategy that dispatched it.
  std::string strategy;

  bool answered() const { return status_code == kStatusOk; }
  // Counted from the moment the request was due, so that a late generator hides no wait.
  double latency_ms() const { return ToMilliseconds(done - scheduled); }
  double dispatch_delay_ms() const { return ToMilliseconds(sent - scheduled); }
};

// `OK`, `UNAVAILABLE`, ..., as gRPC writes them; `NOT_SENT` and `UNFINISHED` for the codes above.
std::string StatusName(int status_code);
// The code of that name; nothing if there is none.
std::optional<int> StatusCodeOf(const std::string& name);

}  // namespace smartbatch::loadgen
