#include "common/timeline/chart.h"

#include <absl/strings/str_replace.h>

namespace smartbatch::timeline {
namespace {

using Json = nlohmann::ordered_json;

Json Milliseconds(const std::optional<Time>& time, Time from) {
  return time ? Json(ToMilliseconds(*time - from)) : Json(nullptr);
}

Json BatchJson(const ChartBatch& batch, Time from) {
  Json rows = Json::array();
  for (const ChartRow& row : batch.rows) rows.push_back({row.customer, row.length, row.request});
  return {{"number", batch.number},
          {"backend", batch.backend},
          {"start_ms", Milliseconds(batch.start, from)},
          {"end_ms", Milliseconds(batch.end, from)},
          {"predicted_ms", 1e3 * batch.predicted_seconds},
          {"strategy", batch.strategy},
          {"reason", batch.reason},
          {"status", batch.status},
          {"rows", std::move(rows)}};
}

Json RequestJson(const ChartRequest& request, Time from) {
  return {{"number", request.number},
          {"customer", request.customer},
          {"arrival_ms", Milliseconds(request.arrival, from)},
          {"end_ms", Milliseconds(request.end, from)},
          {"answered", request.answered}};
}

}  // namespace

Json ToJson(const Chart& chart) {
  Json backends = Json::array();
  for (const ChartBackend& backend : chart.backends)
    backends.push_back({{"name", backend.name}, {"slots", backend.slots}});
  Json batches = Json::array();
  for (const ChartBatch& batch : chart.batches) batches.push_back(BatchJson(batch, chart.from));
  Json requests = Json::array();
  for (const ChartRequest& request : chart.requests) requests.push_back(RequestJson(request, chart.from));
  return {{"title", chart.title},          {"note", chart.note},
          {"seats", chart.seats},          {"duration_ms", Milliseconds(chart.to, chart.from)},
          {"customers", chart.customers},  {"backends", std::move(backends)},
          {"batches", std::move(batches)}, {"requests", std::move(requests)}};
}

std::string ScriptText(const Json& json) {
  return absl::StrReplaceAll(json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace),
                             {{"<", "\\u003c"}});
}

}  // namespace smartbatch::timeline
