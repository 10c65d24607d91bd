#include "tools/loadgen/output/report_document.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kMostCustomers = 24;

std::string Number(double value) { return fmt::format("{:.2f}", value); }
std::string Number(const std::optional<double>& value) { return value ? Number(*value) : std::string(); }
std::string Number(std::uint64_t value) { return std::to_string(value); }

ReportSection Verdict(const Analysis& analysis) {
  ReportSection section{"Verdict", "", {}, {}};
  for (const WorkloadAnalysis& workload : analysis.workloads) section.lines.push_back(workload.verdict);
  return section;
}

ReportSection Validity(const ResultSet& results, const Analysis& analysis) {
  ReportSection section{analysis.valid() ? "Valid" : "Invalid", "", analysis.defects, {}};
  if (analysis.valid()) {
    section.lines.push_back("the generator kept its schedule and every strategy has enough samples");
  }
  std::uint64_t due = 0;
  std::uint64_t failed = 0;
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const StrategySummary& strategy : workload.strategies) {
      due += strategy.requests.all.due;
      failed += strategy.requests.all.failed();
    }
  }
  if (failed > 0) section.lines.push_back(fmt::format("{} of {} requests failed and are in no latency", failed, due));
  if (results.interrupted) section.lines.push_back("interrupted: these are the figures up to then");
  return section;
}

std::string Describe(const ObjectiveOutcome& outcome) {
  if (!outcome.measured) return "not known: too few samples";
  const bool share = outcome.objective.figure == Objective::Figure::kFailed;
  return fmt::format("{}, measured {:.4g} {}", outcome.broken() ? "BROKEN" : "kept", *outcome.measured,
                     share ? "%" : "ms");
}

ReportSection Objectives(const Analysis& analysis) {
  ReportSection section{"Objectives", "", {}, {}};
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const ObjectiveOutcome& outcome : workload.objectives) {
      section.lines.push_back(fmt::format("{} for {} under {}: {}", outcome.objective.text, workload.workload,
                                          outcome.strategy, Describe(outcome)));
    }
  }
  return section;
}

void Append(std::vector<std::string>& row, const std::vector<std::string>& cells) {
  row.insert(row.end(), cells.begin(), cells.end());
}

const std::vector<std::string>& LatencyHeader() {
  static const std::vector<std::string> header = {"answered", "mean", "std dev", "min",   "median",
                                                  "p90",      "p95",  "p99",     "p99.9", "max"};
  return header;
}

std::vector<std::string> LatencyCells(const Slice& slice) {
  const LatencySummary& latency = slice.latency;
  if (latency.count == 0) {
    std::vector<std::string> cells(LatencyHeader().size());
    cells.front() = Number(slice.answered);
    return cells;
  }
  return {Number(slice.answered),  Number(latency.mean), Number(latency.standard_deviation),
          Number(latency.minimum), Number(latency.p50),  Number(latency.p90),
          Number(latency.p95),     Number(latency.p99),  Number(latency.p999),
          Number(latency.maximum)};
}

constexpr char kNotKnown[] = "not known";
std::string Known(const std::optional<double>& figure) { return figure ? Number(*figure) : kNotKnown; }

ReportTable StrategiesTable(const WorkloadAnalysis& workload) {
  ReportTable table{
      "Latency in ms, from when a request was due to its answer. A percentile with fewer than 10 samples above it is "
      "blank.",
      {"strategy"},
      {},
      1};
  Append(table.header, LatencyHeader());
  for (const StrategySummary& strategy : workload.strategies) {
    table.rows.push_back({strategy.strategy.name});
    Append(table.rows.back(), LatencyCells(strategy.requests.all));
  }
  return table;
}

ReportTable SlicesTable(const WorkloadAnalysis& workload, const std::string& title,
                        const std::vector<Slice> Breakdown::*slices) {
  ReportTable table{fmt::format("The same by {}", title), {title, "strategy"}, {}, 2};
  Append(table.header, LatencyHeader());
  Append(table.header, {"failed", "slowdown"});
  const std::size_t count = (workload.strategies.front().requests.*slices).size();
  for (std::size_t i = 0; i < count; ++i) {
    for (const StrategySummary& strategy : workload.strategies) {
      const Slice& slice = (strategy.requests.*slices)[i];
      table.rows.push_back({slice.name, strategy.strategy.name});
      Append(table.rows.back(), LatencyCells(slice));
      Append(table.rows.back(), {Number(slice.failed()), Known(slice.slowdown)});
    }
  }
  return table;
}

ReportTable DifferencesTable(const WorkloadAnalysis& workload) {
  ReportTable table{
      fmt::format("Paired differences over {} repeats with the same arrivals: Student's t, Holm's correction over all "
                  "of them",
                  workload.differences.front().pairs),
      {"figure", "difference", "", "mean", "95 % interval", "p (Holm)"},
      {},
      3};
  for (const Difference& difference : workload.differences) {
    const double p = difference.corrected_p_value;
    table.rows.push_back({fmt::format("{}, {}", difference.figure, difference.unit),
                          difference.first + " - " + difference.second,
                          difference.significant() ? "significant" : "no significant difference",
                          fmt::format("{:+.2f}", difference.interval.mean),
                          fmt::format("{:+.2f} to {:+.2f}", difference.interval.low, difference.interval.high),
                          p < 1e-4 ? "<0.0001" : fmt::format("{:.4f}", p)});
  }
  return table;
}

ReportTable GoodputTable(const WorkloadAnalysis& workload) {
  ReportTable table{
      "Goodput: answers a second of what was due. Slowdown: latency over the time that the request takes alone, in the "
      "mean and of the worst customer. Shares: Jain's index of what was charged to the customers over their weights, 1 "
      "if even.",
      {"strategy", "due", "answered", "failed", "due/s", "answers/s", "slowdown", "worst customer", "shares"},
      {},
      1};
  for (const StrategySummary& strategy : workload.strategies) {
    const Slice& all = strategy.requests.all;
    const FairnessFigures& fairness = strategy.requests.fairness;
    table.rows.push_back({strategy.strategy.name, Number(all.due), Number(all.answered), Number(all.failed()),
                          Number(all.due_per_second), Number(all.answered_per_second), Known(fairness.slowdown),
                          Known(fairness.worst_customer_slowdown),
                          fairness.share_index ? fmt::format("{:.3f}", *fairness.share_index) : kNotKnown});
  }
  return table;
}

ReportTable BatchesTable(const WorkloadAnalysis& workload) {
  ReportTable table{"Batches, from what the answers tell", {"strategy", "sequences/batch", "batches/s"}, {}, 1};
  for (const StrategySummary& strategy : workload.strategies) {
    if (strategy.sequences_per_batch <= 0) continue;
    table.rows.push_back(
        {strategy.strategy.name, Number(strategy.sequences_per_batch), Number(strategy.batches_per_second)});
  }
  return table;
}

ReportTable FailuresTable(const WorkloadAnalysis& workload) {
  ReportTable table{
      "Requests that failed (not in the latencies)", {"strategy", "code", "first message", "count"}, {}, 3};
  for (const StrategySummary& strategy : workload.strategies) {
    for (const auto& [code, count] : strategy.failures) {
      const auto message = strategy.messages.find(code);
      table.rows.push_back({strategy.strategy.name, StatusName(code),
                            message == strategy.messages.end() ? "" : message->second, Number(count)});
    }
  }
  return table;
}

ReportSection WorkloadSection(const ResultSet& results, const WorkloadAnalysis& workload) {
  ReportSection section{"Workload", workload.workload, {}, {}};
  const auto description = results.provenance.workloads.find(workload.workload);
  if (description != results.provenance.workloads.end()) section.lines.push_back(description->second);
  section.tables.push_back(StrategiesTable(workload));

  const Breakdown& first = workload.strategies.front().requests;
  section.tables.push_back(SlicesTable(workload, "group", &Breakdown::groups));
  // If every group is one customer, the table of groups says the same.
  if (first.customers.size() > kMostCustomers) {
    section.lines.push_back(fmt::format("each of the {} customers is in the JSON file", first.customers.size()));
  } else if (first.customers.size() > first.groups.size()) {
    section.tables.push_back(SlicesTable(workload, "customer", &Breakdown::customers));
    section.tables.back().is_long = true;
  }
  if (!workload.differences.empty()) section.tables.push_back(DifferencesTable(workload));
  for (ReportTable table : {GoodputTable(workload), BatchesTable(workload), FailuresTable(workload)}) {
    if (!table.rows.empty()) section.tables.push_back(std::move(table));
  }
  return section;
}

ReportSection Generator(const GeneratorHealth& generator) {
  return {"Generator",
          "",
          {fmt::format("requests due {}, not sent {}, unfinished {}", generator.due, generator.not_sent,
                       generator.unfinished),
           fmt::format("dispatch delay (due to sent): p50 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms",
                       generator.dispatch_delay_p50, generator.dispatch_delay_p99, generator.dispatch_delay_maximum),
           fmt::format("processor: {:.0f} us a request, {:.1f} % of one processor",
                       generator.cpu_microseconds_per_request, generator.cpu_share * 100)},
          {}};
}

std::string ParametersOf(const LabelledStrategy& strategy) {
  std::string text = strategy.name;
  for (const auto& [name, value] : strategy.parameters) text += fmt::format(" {}={}", name, value);
  return text;
}

ReportSection Environment(const ResultSet& results, const Analysis& analysis) {
  const Provenance& provenance = results.provenance;
  ReportSection section{"Environment", "", {}, {}};
  const auto line = [&](const std::string& label, const std::string& value) {
    section.lines.push_back(fmt::format("{:<14}{}", label, value));
  };
  line("started", provenance.started_at);
  line("server", provenance.target);
  line("text", provenance.text_origin);
  line("seed", std::to_string(provenance.seed));
  for (const StrategySummary& strategy : analysis.workloads.front().strategies) {
    line("strategy", ParametersOf(strategy.strategy));
  }
  for (const auto& [label, value] : provenance.environment) line(label, value);
  return section;
}

}  // namespace

ReportDocument MakeReport(const ResultSet& results, const Analysis& analysis) {
  ReportDocument report{Verdict(analysis),
                        Validity(results, analysis),
                        Objectives(analysis),
                        {},
                        Generator(analysis.generator),
                        Environment(results, analysis),
                        {"To repeat", "", {results.provenance.command}, {}}};
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    report.workloads.push_back(WorkloadSection(results, workload));
  }
  return report;
}

}  // namespace smartbatch::loadgen
