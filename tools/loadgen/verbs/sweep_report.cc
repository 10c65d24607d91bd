#include "tools/loadgen/verbs/sweep_report.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "tools/loadgen/output/text_table.h"

namespace smartbatch::loadgen {
namespace {

using Json = nlohmann::ordered_json;

std::string Unit(const Objective& objective) { return objective.figure == Objective::Figure::kFailed ? "%" : "ms"; }

std::string RateCell(const std::optional<Trial>& trial) {
  return trial ? fmt::format("{:.2f}", trial->requests_per_second) : "";
}
std::string FigureCell(const std::optional<Trial>& trial) {
  return trial && trial->measured ? fmt::format("{:.1f}", *trial->measured) : "";
}

Json TrialJson(const Trial& trial) {
  return {{"rate", trial.requests_per_second},
          {"measured", trial.measured ? Json(*trial.measured) : Json(nullptr)},
          {"met", trial.met},
          {"defect", trial.defect}};
}

Json SearchJson(const std::optional<RateSearchResult>& search) {
  if (!search) return nullptr;
  const auto rate = [](const std::optional<Trial>& trial) {
    return trial ? Json(trial->requests_per_second) : Json(nullptr);
  };
  Json trials = Json::array();
  for (const Trial& trial : search->trials) trials.push_back(TrialJson(trial));
  const std::optional<double> estimate = search->Estimate();
  return {{"largest_rate", rate(search->held)},
          {"breaks_at", rate(search->broke)},
          {"estimate", estimate ? Json(*estimate) : Json(nullptr)},
          {"complete", search->complete},
          {"trials", trials}};
}

void AddRow(TextTable& table, const SweepEntry& entry, const char* where, const RateSearchResult& search,
            const std::optional<double>& difference) {
  table.AddRow({entry.strategy.name, where, RateCell(search.held), FigureCell(search.held), RateCell(search.broke),
                FigureCell(search.broke), fmt::format("{}", search.trials.size()),
                difference ? fmt::format("{:+.1f} %", 100 * *difference) : ""});
}

void FindDefects(const SweepEntry& entry, const char* where, const std::optional<RateSearchResult>& search,
                 std::vector<std::string>& defects) {
  if (!search) return;
  const auto rate = [](const std::optional<Trial>& trial) { return trial->requests_per_second; };
  if (!search->held) {
    defects.push_back(fmt::format("{} {}: the objective does not hold even at {:.3g} requests/s; ask for less",
                                  entry.strategy.name, where, rate(search->broke)));
    return;
  }
  if (!search->broke) {
    defects.push_back(
        fmt::format("{} {}: the objective still holds at {:.3g} requests/s; raise --start or --most-trials",
                    entry.strategy.name, where, rate(search->held)));
  } else if (!search->complete) {
    defects.push_back(fmt::format("{} {}: {} trials did not reach the precision; raise --most-trials",
                                  entry.strategy.name, where, search->trials.size()));
  }
  for (const std::optional<Trial>& trial : {search->held, search->broke}) {
    if (!trial || trial->defect.empty()) continue;
    // At a rate that broke, a generator that was held up by open calls is part of the answer.
    if (!trial->met && trial->measured) continue;
    defects.push_back(fmt::format("{} {} at {:.2f} requests/s: {}", entry.strategy.name, where,
                                  trial->requests_per_second, trial->defect));
  }
}

}  // namespace

std::optional<double> SweepEntry::Difference() const {
  const auto estimate = [](const std::optional<RateSearchResult>& search) {
    return search ? search->Estimate() : std::nullopt;
  };
  const std::optional<double> own = estimate(server);
  const std::optional<double> expected = estimate(simulated);
  if (!own || !expected) return std::nullopt;
  return *own / *expected - 1;
}

std::vector<std::string> SweepReport::Defects() const {
  std::vector<std::string> defects;
  for (const SweepEntry& entry : entries) {
    FindDefects(entry, "server", entry.server, defects);
    FindDefects(entry, "simulated", entry.simulated, defects);
  }
  if (interrupted) defects.push_back("the sweep was interrupted");
  return defects;
}

std::string SweepText(const SweepReport& report) {
  std::string text =
      fmt::format("Largest rate of '{}' that keeps {}; each trial {:.4g} s after {:.4g} s of warm-up\n\n",
                  report.workload, report.objective.text, report.seconds, report.warm_up_seconds);
  const std::string unit = Unit(report.objective);
  TextTable table({"strategy", "where", "requests/s", unit + " there", "breaks at", unit + " there", "trials",
                   "server to simulated"});
  for (const SweepEntry& entry : report.entries) {
    if (entry.server) AddRow(table, entry, "server", *entry.server, entry.Difference());
    if (entry.simulated) AddRow(table, entry, "simulated", *entry.simulated, std::nullopt);
  }
  text += table.ToString(2);
  for (const std::string& defect : report.Defects()) text += "\nINVALID: " + defect;
  if (!report.Defects().empty()) text += "\n";
  text += "\n";
  for (const auto& [label, value] : report.provenance.environment) text += fmt::format("{}: {}\n", label, value);
  return text + "to repeat: " + report.provenance.command + "\n";
}

std::string SweepJson(const SweepReport& report) {
  Json environment = Json::object();
  for (const auto& [label, value] : report.provenance.environment) environment[label] = value;
  Json strategies = Json::array();
  for (const SweepEntry& entry : report.entries) {
    const std::optional<double> difference = entry.Difference();
    strategies.push_back({{"strategy", entry.strategy.name},
                          {"parameters", Json(entry.strategy.parameters)},
                          {"server", SearchJson(entry.server)},
                          {"simulated", SearchJson(entry.simulated)},
                          {"difference", difference ? Json(*difference) : Json(nullptr)}});
  }
  const std::vector<std::string> defects = report.Defects();
  const Json json = {{"schema_version", kSweepSchemaVersion},
                     {"kind", "sweep"},
                     {"objective", report.objective.text},
                     {"workload", report.workload},
                     {"command", report.provenance.command},
                     {"started_at", report.provenance.started_at},
                     {"seconds", report.seconds},
                     {"warm_up_seconds", report.warm_up_seconds},
                     {"environment", environment},
                     {"valid", defects.empty()},
                     {"defects", defects},
                     {"interrupted", report.interrupted},
                     {"strategies", strategies}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace smartbatch::loadgen
