// Draws a part of a decision log, or of a simulation while it runs, as a chart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <istream>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

#include "common/time.h"
#include "common/timeline/chart.h"
#include "services/proxy/scheduling/observer.h"
#include "services/proxy/simulation/log_lines.h"

namespace smartbatch::simulation {

struct ChartWindow {
  Time from = kNever;
  Time to = kNever;
};

// Takes the events of a decision log in their order and keeps those that touch a window of time. Its memory is bounded
// by the events in the window, by what is unfinished at once and by the customers' names. A window holds at most
// kMostBatches batches and ends earlier if more would leave in it.
class ChartBuilder {
 public:
  static constexpr std::size_t kMostBatches = 4000;

  // The window is from the arrival of request `first` (counted from 0) to that of request `first + count`.
  ChartBuilder(std::uint64_t first, std::uint64_t count) : first_(first), end_(first + count) {}
  explicit ChartBuilder(const ChartWindow& window) : window_(window) {}

  // Requires: times do not fall.
  void Take(const log_lines::Event& event);

  // Returns what has happened in the window so far, without title and note. NOT_FOUND if nothing has.
  absl::StatusOr<timeline::Chart> Finish() const;
  // The window as known so far; kNever for an end that has not come.
  const ChartWindow& window() const { return window_; }

 private:
  struct Request {
    timeline::ChartRequest drawn;
    std::vector<std::uint32_t> lengths;
    std::size_t left = 0;  // sequences without a result
  };

  void On(const log_lines::Start& start) { seats_ = std::max(seats_, start.options.max_batch_size); }
  void On(const log_lines::Reconfigured& next) { seats_ = std::max(seats_, next.options.max_batch_size); }
  void On(const log_lines::BackendAdded& added);
  void On(const log_lines::BackendSlots& changed);
  void On(const log_lines::RequestAccepted& accepted);
  void On(const log_lines::BatchSent& sent);
  void On(const log_lines::BatchEnded& ended);
  void On(const log_lines::RequestEnded& ended);
  // All other events change nothing that is drawn.
  template <class Event>
  void On(const Event&) {}

  // The index in backends_ of the backend that has this id now; a backend that the log has not named is added.
  std::uint32_t PlaceOf(scheduling::BackendId backend);
  void EndRequest(std::uint64_t number, Time time, bool answered);
  std::uint32_t Named(const std::string& customer);

  const std::uint64_t first_ = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t end_ = std::numeric_limits<std::uint64_t>::max();
  ChartWindow window_;
  Time last_{};
  std::uint32_t seats_ = 1;
  std::vector<std::string> names_;
  std::map<std::string, std::uint32_t> places_;   // indexes in names_
  std::vector<timeline::ChartBackend> backends_;  // all there ever were: an id may be reused
  std::map<scheduling::BackendId, std::uint32_t> backend_places_;
  // The requests that are unfinished or touch the window.
  std::map<std::uint64_t, Request> requests_;
  std::map<scheduling::BatchId, timeline::ChartBatch> batches_;
};

// Draws a decision log, in the window that ChartBuilder describes. INVALID_ARGUMENT names the line that is wrong,
// NOT_FOUND says that nothing happened in the window.
absl::StatusOr<timeline::Chart> ChartOfLog(std::istream& log, std::uint64_t first, std::uint64_t count);

// Tells a builder what a simulation's scheduler does. The builder must outlive it.
class ChartObserver final : public scheduling::SchedulerObserver {
 public:
  // `seats`: the most sequences of a batch.
  ChartObserver(ChartBuilder& builder, std::uint32_t seats);

  void BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) override;
  void Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) override;
  void Dispatched(const scheduling::Batch& batch) override;
  void BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) override;
  void Ended(const scheduling::Finished& finished) override;

 private:
  ChartBuilder& builder_;
};

}  // namespace smartbatch::simulation
