// A page beside /metrics that shows the proxy at work: the last batches, who waits, how long answers take.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "services/metrics_endpoint/http_server.h"
#include "services/proxy/observers/live_page/recent_answers.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/runtime/state.h"

namespace smartbatch::live_page {

// What the page shows. All of it must outlive the documents; the functions are called on the server's thread.
struct Sources {
  const runtime::Clock& clock;
  const runtime::RecentDecisions& decisions;
  RecentAnswers& answers;
  // The state, with at most that many customers.
  std::function<runtime::State(std::size_t)> state;
  std::uint32_t max_batch_size = 1;
  std::string version;
};

// What /live.json says: the state, the figures of the last answers, and the last batches as a chart, at one moment. It
// holds customers' names, lengths and times, and no text.
class LiveData {
 public:
  static constexpr std::size_t kMostCustomers = 100;
  static constexpr std::chrono::seconds kLongestChart{60};
  // However many ask, it is made anew only so often.
  static constexpr std::chrono::milliseconds kShortestInterval{250};

  explicit LiveData(Sources sources) : sources_(std::move(sources)) {}

  // Not thread safe.
  const std::string& Json();

 private:
  std::string Make(Time now);

  const Sources sources_;
  std::optional<Time> made_;
  std::string json_;
};

// The page at `/`, what it is made of, and its data.
std::vector<metrics::HttpServer::Document> Documents(Sources sources);

}  // namespace smartbatch::live_page
