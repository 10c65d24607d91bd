#include "tools/loadgen/output/json_report.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace smartbatch::loadgen {
namespace {

using Json = nlohmann::ordered_json;

// To a millionth, which is a nanosecond if the unit is ms: further digits are chance, and long to read.
Json Rounded(double value) { return std::round(value * 1e6) / 1e6; }
Json OrNull(const std::optional<double>& value) { return value ? Rounded(*value) : Json(nullptr); }

Json ToJson(const Slice& slice) {
  const LatencySummary& latency = slice.latency;
  const bool any = latency.count > 0;
  return {{"name", slice.name},
          {"due", slice.due},
          {"answered", slice.answered},
          {"failed", slice.failed()},
          {"due_per_second", Rounded(slice.due_per_second)},
          {"answered_per_second", Rounded(slice.answered_per_second)},
          {"slowdown", OrNull(slice.slowdown)},
          {"latency_ms",
           {{"count", latency.count},
            {"mean", any ? Rounded(latency.mean) : Json(nullptr)},
            {"median", OrNull(latency.p50)},
            {"standard_deviation", any ? Rounded(latency.standard_deviation) : Json(nullptr)},
            {"min", any ? Rounded(latency.minimum) : Json(nullptr)},
            {"max", any ? Rounded(latency.maximum) : Json(nullptr)},
            {"p50", OrNull(latency.p50)},
            {"p90", OrNull(latency.p90)},
            {"p95", OrNull(latency.p95)},
            {"p99", OrNull(latency.p99)},
            {"p99_9", OrNull(latency.p999)}}}};
}

Json ToJson(const std::vector<Slice>& slices) {
  Json list = Json::array();
  for (const Slice& slice : slices) list.push_back(ToJson(slice));
  return list;
}

Json ToJson(const FairnessFigures& fairness) {
  return {{"slowdown", OrNull(fairness.slowdown)},
          {"worst_customer_slowdown", OrNull(fairness.worst_customer_slowdown)},
          {"charged_share_index", OrNull(fairness.share_index)}};
}

Json ToJson(const StrategySummary& strategy) {
  Json failures = Json::array();
  for (const auto& [code, count] : strategy.failures) {
    const auto message = strategy.messages.find(code);
    failures.push_back({{"code", StatusName(code)},
                        {"count", count},
                        {"first_message", message == strategy.messages.end() ? "" : message->second}});
  }
  Json repeats = Json::array();
  for (const RepeatSummary& repeat : strategy.repeats) {
    repeats.push_back({{"repeat", repeat.repeat},
                       {"seed", repeat.seed},
                       {"fairness", ToJson(repeat.requests.fairness)},
                       {"all", ToJson(repeat.requests.all)},
                       {"groups", ToJson(repeat.requests.groups)}});
  }
  return {{"strategy", strategy.strategy.name},
          {"parameters", strategy.strategy.parameters},
          {"measured_seconds", Rounded(strategy.measured_seconds)},
          {"sequences_per_batch", Rounded(strategy.sequences_per_batch)},
          {"batches_per_second", Rounded(strategy.batches_per_second)},
          {"fairness", ToJson(strategy.requests.fairness)},
          {"all", ToJson(strategy.requests.all)},
          {"groups", ToJson(strategy.requests.groups)},
          {"customers", ToJson(strategy.requests.customers)},
          {"failures", failures},
          {"repeats", repeats}};
}

Json ToJson(const Difference& difference) {
  return {{"figure", difference.figure},
          {"unit", difference.unit},
          {"first", difference.first},
          {"second", difference.second},
          {"pairs", difference.pairs},
          {"mean", Rounded(difference.interval.mean)},
          {"low_95", Rounded(difference.interval.low)},
          {"high_95", Rounded(difference.interval.high)},
          {"p_value", difference.p_value},
          {"p_value_holm", difference.corrected_p_value},
          {"significant", difference.significant()}};
}

Json ToJson(const ObjectiveOutcome& outcome) {
  return {{"objective", outcome.objective.text},
          {"strategy", outcome.strategy},
          {"unit", outcome.objective.figure == Objective::Figure::kFailed ? "%" : "ms"},
          {"limit", outcome.objective.limit},
          {"measured", OrNull(outcome.measured)},
          {"broken", outcome.measured ? Json(outcome.broken()) : Json(nullptr)}};
}

Json ToJson(const WorkloadAnalysis& workload, const Provenance& provenance) {
  const auto description = provenance.workloads.find(workload.workload);
  Json strategies = Json::array();
  for (const StrategySummary& strategy : workload.strategies) strategies.push_back(ToJson(strategy));
  Json differences = Json::array();
  for (const Difference& difference : workload.differences) differences.push_back(ToJson(difference));
  Json objectives = Json::array();
  for (const ObjectiveOutcome& outcome : workload.objectives) objectives.push_back(ToJson(outcome));
  return {{"workload", workload.workload},
          {"description", description == provenance.workloads.end() ? "" : description->second},
          {"verdict", workload.verdict},
          {"strategies", strategies},
          {"differences", differences},
          {"objectives", objectives}};
}

Json ToJson(const GeneratorHealth& generator) {
  return {{"due", generator.due},
          {"not_sent", generator.not_sent},
          {"unfinished", generator.unfinished},
          {"dispatch_delay_ms",
           {{"p50", Rounded(generator.dispatch_delay_p50)},
            {"p99", Rounded(generator.dispatch_delay_p99)},
            {"max", Rounded(generator.dispatch_delay_maximum)}}},
          {"cpu_microseconds_per_request", Rounded(generator.cpu_microseconds_per_request)},
          {"cpu_share", Rounded(generator.cpu_share)}};
}

Json BlocksToJson(const std::vector<Block>& blocks) {
  Json list = Json::array();
  for (const Block& block : blocks) {
    list.push_back({{"workload", block.workload},
                    {"strategy", block.strategy.name},
                    {"repeat", block.repeat},
                    {"seed", block.seed},
                    {"start_seconds", Rounded(ToSeconds(block.start))},
                    {"warm_up_seconds", Rounded(ToSeconds(block.warm_up))},
                    {"measured_seconds", Rounded(ToSeconds(block.measured))},
                    {"interrupted", block.interrupted},
                    {"requests", block.records.size()}});
  }
  return list;
}

}  // namespace

std::string JsonReport(const ResultSet& results, const Analysis& analysis) {
  const Provenance& provenance = results.provenance;
  Json workloads = Json::array();
  for (const WorkloadAnalysis& workload : analysis.workloads) workloads.push_back(ToJson(workload, provenance));
  Json environment = Json::object();
  for (const auto& [label, value] : provenance.environment) environment[label] = value;
  const Json report = {{"schema_version", kSummarySchemaVersion},
                       {"verb", provenance.verb},
                       {"stamp", provenance.stamp},
                       {"started_at", provenance.started_at},
                       {"target", provenance.target},
                       {"seed", provenance.seed},
                       {"text", provenance.text_origin},
                       {"valid", analysis.valid()},
                       {"defects", analysis.defects},
                       {"interrupted", results.interrupted},
                       {"workloads", workloads},
                       {"generator", ToJson(analysis.generator)},
                       {"blocks", BlocksToJson(results.blocks)},
                       {"environment", environment},
                       {"command", provenance.command}};
  // Messages come from the server and may hold anything.
  return report.dump(2, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace smartbatch::loadgen
