// Readers for published traces, which say who sent how much, and when. They become the project's own form
// (services/proxy/simulation/trace.h), which every verb plays.
#pragma once

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/proxy/simulation/trace.h"

namespace smartbatch::loadgen {

enum class TraceFormat {
  // CSV with a header: TIMESTAMP (a date and a time of day), ContextTokens, GeneratedTokens
  // (AzurePublicDataset: LLM inference traces of 2023 and 2024).
  kAzure,
  // A JSON object a line: timestamp in milliseconds, input_length, output_length (Mooncake, FAST 2025).
  kMooncake,
  // CSV with a header: Timestamp in seconds, Model, Request tokens, Response tokens (BurstGPT, 2024).
  kBurstGpt,
};

// A file to convert.
struct TraceSource {
  TraceFormat format = TraceFormat::kAzure;
  // The customer that sent its requests. Empty: the file's model for kBurstGpt, `default` for the others.
  std::string customer;
};

// Collects the requests of one or several files and sorts them by time. A request has one sequence, as long as its
// input in tokens. Not thread safe.
class TraceConverter {
 public:
  struct Options {
    // Longer inputs are cut to this length; at least 1.
    std::uint32_t max_length = 10'000'000;
  };

  explicit TraceConverter(const Options& options) : options_(options) {}

  // Reads a file to its end. INVALID_ARGUMENT names the first line that is wrong, and what would be right; the
  // lines before it stay added then.
  absl::Status Add(std::istream& in, const TraceSource& source);

  // The requests in the order of time, counted from the first of them; those of the same moment in the order in which
  // they were added. INVALID_ARGUMENT if there is none.
  absl::StatusOr<simulation::Trace> Finish();

  // Requests without a single token, which were left out.
  std::uint64_t empty() const { return empty_; }
  // Requests that were cut to max_length.
  std::uint64_t cut() const { return cut_; }

 private:
  struct Request {
    Duration time{};  // from an origin that all files share
    std::uint32_t customer = 0;
    std::uint32_t length = 0;
  };

  void Take(Duration time, const std::string& customer, std::uint64_t length);

  const Options options_;
  std::vector<std::string> customers_;
  std::vector<Request> requests_;
  std::uint64_t empty_ = 0;
  std::uint64_t cut_ = 0;
};

}  // namespace smartbatch::loadgen
