#include "services/proxy/simulation/chart_builder.h"

#include <utility>
#include <variant>

#include <absl/strings/str_cat.h>

namespace smartbatch::simulation {

void ChartBuilder::Take(const log_lines::Event& event) {
  last_ = log_lines::TimeOf(event).value_or(last_);
  std::visit([this](const auto& told) { On(told); }, event);
}

std::uint32_t ChartBuilder::Named(const std::string& customer) {
  const auto [place, is_new] = places_.try_emplace(customer, static_cast<std::uint32_t>(names_.size()));
  if (is_new) names_.push_back(customer);
  return place->second;
}

std::uint32_t ChartBuilder::PlaceOf(scheduling::BackendId backend) {
  const auto known = backend_places_.find(backend);
  if (known != backend_places_.end()) return known->second;
  On(log_lines::BackendAdded{backend, absl::StrCat("backend ", backend), 1, {}});
  return backend_places_.at(backend);
}

void ChartBuilder::On(const log_lines::BackendAdded& added) {
  const auto known = std::find_if(backends_.begin(), backends_.end(),
                                  [&](const timeline::ChartBackend& each) { return each.name == added.name; });
  backend_places_[added.backend] = static_cast<std::uint32_t>(known - backends_.begin());
  if (known == backends_.end()) {
    backends_.push_back({added.name, added.slots});
  } else {
    known->slots = std::max(known->slots, added.slots);
  }
}

void ChartBuilder::On(const log_lines::BackendSlots& changed) {
  timeline::ChartBackend& backend = backends_[PlaceOf(changed.backend)];
  backend.slots = std::max(backend.slots, changed.slots);
}

void ChartBuilder::On(const log_lines::RequestAccepted& accepted) {
  if (accepted.request == first_) window_.from = accepted.time;
  if (accepted.request == end_) window_.to = std::min(window_.to, accepted.time);
  if (accepted.time >= window_.to) return;
  requests_[accepted.request] = {.drawn = {.number = accepted.request,
                                           .customer = Named(accepted.customer),
                                           .arrival = accepted.time,
                                           .end = {},
                                           .answered = false},
                                 .lengths = {accepted.lengths.begin(), accepted.lengths.end()},
                                 .left = accepted.lengths.size()};
}

void ChartBuilder::On(const log_lines::BatchSent& sent) {
  if (sent.time >= window_.to) return;
  if (batches_.size() == kMostBatches) {
    window_.to = sent.time;
    return;
  }
  timeline::ChartBatch batch{.number = sent.batch,
                             .backend = PlaceOf(sent.backend),
                             .start = sent.time,
                             .end = {},
                             .predicted_seconds = sent.cost_seconds,
                             .strategy = sent.strategy,
                             .reason = sent.reason,
                             .status = {},
                             .rows = {}};
  for (const auto& [number, sequence] : sent.members) {
    const auto request = requests_.find(number);
    // Lines of the log are missing.
    if (request == requests_.end() || sequence >= request->second.lengths.size()) continue;
    batch.rows.push_back({request->second.drawn.customer, request->second.lengths[sequence], number});
  }
  batches_[sent.batch] = std::move(batch);
}

void ChartBuilder::On(const log_lines::BatchEnded& ended) {
  const auto found = batches_.find(ended.batch);
  if (found == batches_.end()) return;
  timeline::ChartBatch& batch = found->second;
  batch.end = ended.time;
  batch.status = absl::StatusCodeToString(ended.status);
  if (ended.status == absl::StatusCode::kOk) {
    for (const timeline::ChartRow& row : batch.rows) {
      const auto request = requests_.find(row.request);
      const bool waits = request != requests_.end() && !request->second.drawn.end;
      if (waits && --request->second.left == 0) EndRequest(row.request, ended.time, /*answered=*/true);
    }
  }
  if (ended.time <= window_.from) batches_.erase(found);
}

void ChartBuilder::On(const log_lines::RequestEnded& ended) {
  EndRequest(ended.request, ended.time, /*answered=*/false);
}

void ChartBuilder::EndRequest(std::uint64_t number, Time time, bool answered) {
  const auto found = requests_.find(number);
  if (found == requests_.end() || found->second.drawn.end) return;
  found->second.drawn.end = time;
  found->second.drawn.answered = answered;
  if (time <= window_.from) requests_.erase(found);
}

absl::StatusOr<timeline::Chart> ChartBuilder::Finish() const {
  timeline::Chart chart;
  chart.seats = seats_;
  chart.from = window_.from;
  chart.to = std::min(window_.to, Later(last_, Duration(1)));
  if (chart.from >= chart.to) return absl::NotFoundError("no request came in the part that is to be drawn");
  chart.backends = backends_;
  std::map<std::uint32_t, std::uint32_t> drawn;  // from the index in names_ to the index in the chart
  const auto place = [&](std::uint32_t customer) {
    const auto [entry, is_new] = drawn.try_emplace(customer, static_cast<std::uint32_t>(chart.customers.size()));
    if (is_new) chart.customers.push_back(names_[customer]);
    return entry->second;
  };
  for (const auto& [number, request] : requests_) {
    chart.requests.push_back(request.drawn);
    chart.requests.back().customer = place(request.drawn.customer);
  }
  for (const auto& [id, batch] : batches_) {
    chart.batches.push_back(batch);
    for (timeline::ChartRow& row : chart.batches.back().rows) row.customer = place(row.customer);
  }
  return chart;
}

absl::StatusOr<timeline::Chart> ChartOfLog(std::istream& log, std::uint64_t first, std::uint64_t count) {
  ChartBuilder builder(first, count);
  std::string line;
  Time last{};
  for (std::uint64_t number = 1; std::getline(log, line); ++number) {
    const auto event = log_lines::ParseLine(line);
    if (!event.ok()) return absl::InvalidArgumentError(absl::StrCat("line ", number, ": ", event.status().message()));
    const Time time = log_lines::TimeOf(*event).value_or(last);
    if (time < last) {
      return absl::InvalidArgumentError(absl::StrCat("line ", number, ": its time is before that of the line above"));
    }
    last = time;
    builder.Take(*event);
  }
  return builder.Finish();
}

ChartObserver::ChartObserver(ChartBuilder& builder, std::uint32_t seats) : builder_(builder) {
  log_lines::Start start;
  start.options.max_batch_size = seats;
  builder_.Take(start);
}

void ChartObserver::BackendAdded(scheduling::BackendId id, const scheduling::Backend& backend) {
  builder_.Take(log_lines::BackendAdded{id, backend.name, backend.slots, backend.cost});
}

void ChartObserver::Accepted(const scheduling::Customer& customer, const scheduling::PendingRequest& request) {
  log_lines::RequestAccepted accepted{request.arrival, request.id.number - 1, customer.name, {}, request.deadline};
  for (const scheduling::PendingSequence& sequence : request.sequences) accepted.lengths.push_back(sequence.length);
  builder_.Take(accepted);
}

void ChartObserver::Dispatched(const scheduling::Batch& batch) { builder_.Take(log_lines::Sent(batch, Time{})); }

void ChartObserver::BatchEnded(const scheduling::Batch& batch, Duration took, const absl::Status& status) {
  builder_.Take(log_lines::BatchEnded{batch.dispatched + took, batch.id, status.code(), false});
}

void ChartObserver::Ended(const scheduling::Finished& finished) {
  if (finished.outcome == scheduling::Outcome::kAnswered) return;
  builder_.Take(log_lines::RequestEnded{finished.finish, finished.id.number - 1, finished.outcome});
}

}  // namespace smartbatch::simulation
