// A page beside /metrics that shows the proxy at work: the last batches, who waits, and how long answers take.
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

// What the page of one model shows. All of it must outlive the documents; the functions are called on the server's
// thread.
struct Sources {
  std::string model;
  const runtime::Clock& clock;
  const runtime::RecentDecisions& decisions;
  RecentAnswers& answers;
  // Returns the state, with at most the given number of customers.
  std::function<runtime::State(std::size_t)> state;
  std::uint32_t max_batch_size = 1;
  std::string version;
};

// The content of /live.json: the state, figures of the last answers, and the last batches as a chart, all at one
// moment. It contains customers' names, lengths and times, but no texts.
class LiveData {
 public:
  static constexpr std::size_t kMostCustomers = 100;
  static constexpr std::chrono::seconds kLongestChart{60};
  // It is made again at most once in this time, however many ask.
  static constexpr std::chrono::milliseconds kShortestInterval{250};

  // A link to the page of a model, from this one.
  struct Link {
    std::string model;
    std::string path;
  };

  explicit LiveData(Sources sources, std::vector<Link> models = {})
      : sources_(std::move(sources)), models_(std::move(models)) {}

  // Not thread safe.
  const std::string& Json();

 private:
  std::string Make(Time now);

  const Sources sources_;
  const std::vector<Link> models_;
  std::optional<Time> made_;
  std::string json_;
};

// The page of the first model at `/`, those of the others at `/models/NAME/`; what they are made of, and their data.
std::vector<metrics_endpoint::HttpServer::Document> Documents(std::vector<Sources> models);

}  // namespace smartbatch::live_page
