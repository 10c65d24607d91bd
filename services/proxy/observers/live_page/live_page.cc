#include "services/proxy/observers/live_page/live_page.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <unistd.h>
#include <nlohmann/json.hpp>

#include "common/timeline/chart.h"
#include "smartbatch_drawing.h"
#include "smartbatch_live_page_files.h"

namespace smartbatch::live_page {
namespace {

using nlohmann::ordered_json;
using scheduling::Outcome;

ordered_json OrNull(const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(nullptr); }

// The index of the item with that name, which is added if it is missing.
template <class Item>
std::uint32_t PlaceOf(std::vector<Item>& items, const std::string& name, const auto& name_of) {
  std::uint32_t place = 0;
  while (place < items.size() && name_of(items[place]) != name) ++place;
  if (place == items.size()) items.push_back(Item{name});
  return place;
}

timeline::Chart ChartOf(const std::vector<runtime::RecentDecision>& newest_first, const runtime::State& state,
                        std::uint32_t seats, Time now) {
  timeline::Chart chart;
  chart.title = state.deciding_strategy;
  chart.seats = seats;
  chart.to = now;
  chart.from = now;
  for (const runtime::BackendState& backend : state.backends) chart.backends.push_back({backend.name, backend.slots});
  for (auto decision = newest_first.rbegin(); decision != newest_first.rend(); ++decision) {
    const std::optional<Time> end =
        decision->took ? std::optional(decision->dispatched + *decision->took) : std::nullopt;
    if (end && *end < now - LiveData::kLongestChart) continue;
    chart.from = std::min(chart.from, decision->dispatched);
    timeline::ChartBatch batch{.number = decision->batch,
                               .backend = PlaceOf(chart.backends, decision->backend,
                                                  [](const timeline::ChartBackend& each) { return each.name; }),
                               .start = decision->dispatched,
                               .end = end,
                               .predicted_seconds = decision->predicted_seconds,
                               .strategy = std::string(decision->strategy),
                               .reason = std::string(scheduling::Name(decision->reason)),
                               .status = end ? absl::StatusCodeToString(decision->status) : std::string(),
                               .rows = {}};
    for (const runtime::RecentDecision::Row& row : decision->rows) {
      const std::uint32_t customer =
          PlaceOf(chart.customers, decision->parts[row.part].customer, [](const std::string& name) { return name; });
      batch.rows.push_back({customer, row.length, row.request});
    }
    chart.batches.push_back(std::move(batch));
  }
  return chart;
}

ordered_json LinksJson(const std::vector<LiveData::Link>& links) {
  ordered_json json = ordered_json::array();
  for (const LiveData::Link& link : links) json.push_back({{"model", link.model}, {"path", link.path}});
  return json;
}

ordered_json StrategyJson(const runtime::State& state) {
  ordered_json json = {{"name", state.strategy.name},
                       {"parameters", state.strategy.parameters},
                       {"deciding", state.deciding_strategy},
                       {"generation", state.generation}};
  if (state.advice) json["advice"] = state.advice->reason;
  return json;
}

ordered_json OutcomesJson(const scheduling::OutcomeCounts& counts) {
  ordered_json json = {{"offered", counts.offered}};
  for (int i = 0; i < scheduling::kOutcomes; ++i) {
    const auto outcome = static_cast<Outcome>(i);
    json[std::string(scheduling::Name(outcome))] = counts[outcome];
  }
  return json;
}

ordered_json BackendsJson(const std::vector<runtime::BackendState>& backends) {
  ordered_json json = ordered_json::array();
  for (const runtime::BackendState& backend : backends) {
    json.push_back({{"address", backend.name},
                    {"up", backend.up},
                    {"batches_in_flight", backend.batches_in_flight},
                    {"slots", backend.slots},
                    {"cost",
                     {{"fixed", backend.cost.fixed},
                      {"quadratic", backend.cost.quadratic},
                      {"per_sequence", backend.cost.per_sequence},
                      {"per_character", backend.cost.per_character},
                      {"per_character_squared", backend.cost.per_character_squared},
                      {"knee", backend.cost.knee}}},
                    {"residual_ratio", backend.cost_residual_ratio},
                    {"prediction_error_ratio", backend.cost_prediction_error_ratio},
                    {"learned_batches", backend.cost_batches}});
  }
  return json;
}

// First the customers who wait, then those who only got answers.
ordered_json CustomersJson(const std::vector<runtime::CustomerState>& states,
                           std::map<std::string, CustomerFigures> figures) {
  ordered_json json = ordered_json::array();
  const auto add = [&](const runtime::CustomerState& state, const CustomerFigures& recent) {
    json.push_back({{"customer", state.name},
                    {"queued_requests", state.queued_requests},
                    {"queued_sequences", state.queued_sequences},
                    {"oldest_age_seconds", ToSeconds(state.oldest_age)},
                    {"charged_seconds", state.charged_seconds},
                    {"weight", state.weight},
                    {"answered", recent.answered},
                    {"refused", recent.refused},
                    {"failed", recent.failed},
                    {"p50_ms", OrNull(recent.p50_ms)},
                    {"p95_ms", OrNull(recent.p95_ms)},
                    {"slowdown", OrNull(recent.slowdown)}});
  };
  for (const runtime::CustomerState& state : states) {
    const auto recent = figures.extract(state.name);
    add(state, recent.empty() ? CustomerFigures() : recent.mapped());
  }
  for (const auto& [name, recent] : figures) {
    runtime::CustomerState state;
    state.name = name;
    add(state, recent);
  }
  return json;
}

ordered_json RefusalsJson(const RecentFigures& figures) {
  ordered_json json = ordered_json::object();
  for (int i = 0; i < scheduling::kRejectReasons; ++i) {
    const std::uint64_t count = figures.refusals[static_cast<std::size_t>(i)];
    if (count > 0) json[std::string(scheduling::Name(static_cast<scheduling::RejectReason>(i)))] = count;
  }
  return json;
}

}  // namespace

const std::string& LiveData::Json() {
  const Time now = sources_.clock.Now();
  if (!made_ || now - *made_ >= kShortestInterval) {
    json_ = Make(now);
    made_ = now;
  }
  return json_;
}

std::string LiveData::Make(Time now) {
  const runtime::State state = sources_.state(kMostCustomers);
  const RecentFigures recent = sources_.answers.Look([&state](std::uint32_t length) {
    double least = std::numeric_limits<double>::infinity();
    for (const runtime::BackendState& backend : state.backends) least = std::min(least, backend.cost.Alone(length));
    return state.backends.empty() ? 0 : least;
  });
  const auto decisions = sources_.decisions.List(runtime::RecentDecisions::kCapacity);
  const ordered_json json = {{"version", sources_.version},
                             {"process_id", getpid()},
                             {"uptime_seconds", ToSeconds(state.uptime)},
                             {"model", sources_.model},
                             {"models", LinksJson(models_)},
                             {"strategy", StrategyJson(state)},
                             {"queued_requests", state.queued_requests},
                             {"queued_sequences", state.queued_sequences},
                             {"max_queued_requests", state.max_queued_requests},
                             {"batches_in_flight", state.batches_in_flight},
                             {"oldest_age_seconds", ToSeconds(state.oldest_age)},
                             {"outcomes", OutcomesJson(state.outcomes)},
                             {"backends", BackendsJson(state.backends)},
                             {"recent_seconds", ToSeconds(recent.span)},
                             {"customers", CustomersJson(state.customers, recent.customers)},
                             {"refusals", RefusalsJson(recent)},
                             {"chart", timeline::ToJson(ChartOf(decisions, state, sources_.max_batch_size, now))}};
  return json.dump(-1, ' ', /*ensure_ascii=*/false, ordered_json::error_handler_t::replace);
}

namespace {

// Where the page of a model is, below the root.
std::string FolderOf(std::size_t place, const std::string& model) {
  return place == 0 ? std::string() : "models/" + model + "/";
}

void AddDocuments(const std::string& folder, std::shared_ptr<LiveData> data,
                  std::vector<metrics_endpoint::HttpServer::Document>& documents) {
  const auto add = [&](const char* name, const char* type, const char* text) {
    documents.push_back({"/" + folder + name, type, [text] { return std::string(text); }});
  };
  constexpr char kScript[] = "text/javascript; charset=utf-8";
  constexpr char kStyle[] = "text/css; charset=utf-8";
  add("", "text/html; charset=utf-8", kLiveHtml);
  add("live.css", kStyle, kLiveCss);
  add("live.js", kScript, kLiveJs);
  add("timeline.css", kStyle, timeline::kTimelineCss);
  add("timeline.js", kScript, timeline::kTimelineJs);
  add("hover.js", kScript, timeline::kHoverJs);
  documents.push_back({"/" + folder + "live.json", "application/json", [data] { return data->Json(); }});
}

}  // namespace

std::vector<metrics_endpoint::HttpServer::Document> Documents(std::vector<Sources> models) {
  std::vector<metrics_endpoint::HttpServer::Document> documents;
  for (std::size_t place = 0; place < models.size(); ++place) {
    const std::string to_root = place == 0 ? "" : "../../";
    std::vector<LiveData::Link> links;
    for (std::size_t other = 0; other < models.size(); ++other) {
      const std::string path = to_root + FolderOf(other, models[other].model);
      links.push_back({models[other].model, path.empty() ? "./" : path});
    }
    const std::string folder = FolderOf(place, models[place].model);
    AddDocuments(folder, std::make_shared<LiveData>(models[place], std::move(links)), documents);
  }
  return documents;
}

}  // namespace smartbatch::live_page
