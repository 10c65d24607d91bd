// Batches over time, as the drawing code (drawing/timeline.js) takes them: one form for the recent batches of a proxy,
// for a simulation and for a decision log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/time.h"

namespace smartbatch::timeline {

// One sequence of a batch.
struct ChartRow {
  std::uint32_t customer = 0;  // its index in Chart::customers
  std::uint32_t length = 0;    // characters
  std::uint64_t request = 0;   // the rows of one request have the same number
};

struct ChartBatch {
  std::uint64_t number = 0;
  std::uint32_t backend = 0;  // its index in Chart::backends
  Time start{};
  std::optional<Time> end;  // nothing while it runs
  double predicted_seconds = 0;
  std::string strategy;
  std::string reason;  // why it left when it did, by scheduling::Name
  std::string status;  // the name of its status code; empty while it runs
  std::vector<ChartRow> rows;
};

struct ChartRequest {
  std::uint64_t number = 0;
  std::uint32_t customer = 0;
  Time arrival{};
  std::optional<Time> end;  // nothing while it waits or runs
  bool answered = false;
};

struct ChartBackend {
  std::string name;
  std::uint32_t slots = 1;
};

// What is drawn of the time from `from` to `to`. Batches and requests may begin before it and end after it.
struct Chart {
  std::string title;        // usually the strategy
  std::string note;         // a line of figures; may be empty
  std::uint32_t seats = 1;  // the most rows of a batch
  Time from{};
  Time to{};
  std::vector<std::string> customers;
  std::vector<ChartBackend> backends;
  std::vector<ChartBatch> batches;     // in the order in which they left
  std::vector<ChartRequest> requests;  // in the order in which they came; empty if that is not known
};

// The chart in the form that timeline.js documents, with times in milliseconds since `from`.
nlohmann::ordered_json ToJson(const Chart& chart);

// The JSON as text that is safe in a <script> element of HTML, whatever names it contains: no `<` is left, and bytes
// that are not UTF-8 are replaced.
std::string ScriptText(const nlohmann::ordered_json& json);

}  // namespace smartbatch::timeline
