// Batches over time, as the drawing code (drawing/timeline.js) takes them: one form for what a proxy has just done, for
// a simulation and for a decision log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/time.h"

namespace smartbatch::timeline {

// One sequence of a batch.
struct Row {
  std::uint32_t customer = 0;  // its place in Chart::customers
  std::uint32_t length = 0;    // characters
  std::uint64_t request = 0;   // rows of one request bear the same number
};

struct Batch {
  std::uint64_t number = 0;
  std::uint32_t backend = 0;  // its place in Chart::backends
  Time start{};
  std::optional<Time> end;  // nothing while it runs
  double predicted_seconds = 0;
  std::string strategy;
  std::string reason;  // why it left when it did, by scheduling::Name
  std::string status;  // the name of its status code; empty while it runs
  std::vector<Row> rows;
};

struct Request {
  std::uint64_t number = 0;
  std::uint32_t customer = 0;
  Time arrival{};
  std::optional<Time> end;  // nothing while it waits or runs
  bool answered = false;
};

struct Backend {
  std::string name;
  std::uint32_t slots = 1;
};

// From `from` to `to`; batches and requests may reach beyond either.
struct Chart {
  std::string title;        // most often the strategy
  std::string note;         // a line of figures; may be empty
  std::uint32_t seats = 1;  // the most rows of a batch
  Time from{};
  Time to{};
  std::vector<std::string> customers;
  std::vector<Backend> backends;
  std::vector<Batch> batches;     // in the order in which they left
  std::vector<Request> requests;  // in the order in which they came; empty if that is not known
};

// What timeline.js documents: times in milliseconds from `from`.
nlohmann::ordered_json ToJson(const Chart& chart);

// As text that may stand in a <script> element of HTML, whatever the names in it are: no `<` is left, and bytes that
// are no UTF-8 are replaced.
std::string ScriptText(const nlohmann::ordered_json& json);

}  // namespace smartbatch::timeline
