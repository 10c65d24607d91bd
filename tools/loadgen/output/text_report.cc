#include "tools/loadgen/output/text_report.h"

#include <fmt/format.h>

#include "tools/loadgen/output/text_table.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kMostCustomers = 24;

std::string Number(double value) { return fmt::format("{:.2f}", value); }
std::string Number(const std::optional<double>& value) { return value ? Number(*value) : std::string(); }
std::string Number(std::uint64_t value) { return std::to_string(value); }

std::string VerdictSection(const Analysis& analysis) {
  std::string text = "VERDICT\n";
  for (const WorkloadAnalysis& workload : analysis.workloads) text += "  " + workload.verdict + '\n';
  return text;
}

std::string ValiditySection(const ResultSet& results, const Analysis& analysis) {
  std::string text = analysis.valid() ? "VALID\n" : "INVALID\n";
  if (analysis.valid()) text += "  the generator kept its schedule and every strategy has enough samples\n";
  std::uint64_t due = 0;
  std::uint64_t failed = 0;
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const StrategySummary& strategy : workload.strategies) {
      due += strategy.requests.all.due;
      failed += strategy.requests.all.failed();
    }
  }
  if (failed > 0) text += fmt::format("  {} of {} requests failed and are in no latency\n", failed, due);
  for (const std::string& defect : analysis.defects) text += "  " + defect + '\n';
  if (results.interrupted) text += "  interrupted: these are the figures up to then\n";
  return text;
}

std::vector<std::string> LatencyCells(const Slice& slice) {
  const LatencySummary& latency = slice.latency;
  if (latency.count == 0) return std::vector<std::string>(9);
  return {Number(latency.mean),    Number(latency.p50),     Number(latency.standard_deviation),
          Number(latency.minimum), Number(latency.maximum), Number(latency.p90),
          Number(latency.p95),     Number(latency.p99),     Number(latency.p999)};
}

void Append(std::vector<std::string>& row, const std::vector<std::string>& cells) {
  row.insert(row.end(), cells.begin(), cells.end());
}

std::string StrategiesTable(const WorkloadAnalysis& workload) {
  TextTable table({"strategy", "answered", "failed", "mean", "median", "std dev", "min", "max", "p90", "p95", "p99",
                   "p99.9", "answers/s", "seq/batch", "batches/s"});
  for (const StrategySummary& strategy : workload.strategies) {
    const Slice& all = strategy.requests.all;
    std::vector<std::string> row = {strategy.strategy.name, Number(all.answered), Number(all.failed())};
    Append(row, LatencyCells(all));
    const bool batches_are_known = strategy.sequences_per_batch > 0;
    Append(row, {Number(all.answered_per_second), batches_are_known ? Number(strategy.sequences_per_batch) : "",
                 batches_are_known ? Number(strategy.batches_per_second) : ""});
    table.AddRow(row);
  }
  return table.ToString();
}

std::string SlicesTable(const WorkloadAnalysis& workload, const std::string& title,
                        const std::vector<Slice> Breakdown::*slices) {
  TextTable table({title, "strategy", "answered", "failed", "mean", "median", "std dev", "min", "max", "p90", "p95",
                   "p99", "p99.9", "answers/s"});
  const std::size_t count = (workload.strategies.front().requests.*slices).size();
  for (std::size_t i = 0; i < count; ++i) {
    for (const StrategySummary& strategy : workload.strategies) {
      const Slice& slice = (strategy.requests.*slices)[i];
      std::vector<std::string> row = {slice.name, strategy.strategy.name, Number(slice.answered),
                                      Number(slice.failed())};
      Append(row, LatencyCells(slice));
      row.push_back(Number(slice.answered_per_second));
      table.AddRow(row);
    }
  }
  return table.ToString(2);
}

std::string FailuresSection(const WorkloadAnalysis& workload) {
  std::string text;
  for (const StrategySummary& strategy : workload.strategies) {
    for (const auto& [code, count] : strategy.failures) {
      const auto message = strategy.messages.find(code);
      text += fmt::format("  {}: {} x {}{}\n", strategy.strategy.name, count, StatusName(code),
                          message == strategy.messages.end() ? "" : ", first: " + message->second);
    }
  }
  return text.empty() ? text : "Requests that failed (not in the latencies)\n" + text;
}

std::string DifferencesSection(const WorkloadAnalysis& workload) {
  if (workload.differences.empty()) return "";
  TextTable table({"figure", "difference", "mean", "95 % interval", "p (Holm)", ""});
  for (const Difference& difference : workload.differences) {
    table.AddRow({fmt::format("{}, {}", difference.figure, difference.unit),
                  difference.first + " - " + difference.second, fmt::format("{:+.2f}", difference.interval.mean),
                  fmt::format("{:+.2f} to {:+.2f}", difference.interval.low, difference.interval.high),
                  fmt::format("{:.4f}", difference.corrected_p_value),
                  difference.significant() ? "significant" : "no significant difference"});
  }
  return fmt::format("Paired differences over {} repeats with the same arrivals (Student)\n{}",
                     workload.differences.front().pairs, table.ToString(2));
}

std::string CustomersTable(const WorkloadAnalysis& workload) {
  const Breakdown& first = workload.strategies.front().requests;
  if (first.customers.size() == first.groups.size()) return "";  // the groups say it
  if (first.customers.size() > kMostCustomers) {
    return fmt::format("Each of the {} customers is in the JSON file.\n", first.customers.size());
  }
  return SlicesTable(workload, "customer", &Breakdown::customers);
}

std::string WorkloadSection(const ResultSet& results, const WorkloadAnalysis& workload, bool with_customers) {
  const auto description = results.provenance.workloads.find(workload.workload);
  std::string text = fmt::format("WORKLOAD {}\n", workload.workload);
  if (description != results.provenance.workloads.end()) text += fmt::format("  {}\n", description->second);
  text +=
      "\nLatency in ms from when a request was due to its answer; a percentile with fewer than 10 samples above "
      "it is blank\n";
  text += StrategiesTable(workload);
  text += '\n' + SlicesTable(workload, "group", &Breakdown::groups);
  const std::string customers = with_customers ? CustomersTable(workload) : std::string();
  for (const std::string& section : {customers, DifferencesSection(workload), FailuresSection(workload)}) {
    if (!section.empty()) text += '\n' + section;
  }
  return text;
}

std::string GeneratorSection(const GeneratorHealth& generator) {
  return fmt::format(
      "GENERATOR\n"
      "  requests due {}, not sent {}, unfinished {}\n"
      "  dispatch delay (due to sent): p50 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms\n"
      "  processor: {:.0f} us a request, {:.1f} % of one processor\n",
      generator.due, generator.not_sent, generator.unfinished, generator.dispatch_delay_p50,
      generator.dispatch_delay_p99, generator.dispatch_delay_maximum, generator.cpu_microseconds_per_request,
      generator.cpu_share * 100);
}

std::string ParametersOf(const StrategyChoice& strategy) {
  std::string text = strategy.name;
  for (const auto& [name, value] : strategy.parameters) text += fmt::format(" {}={}", name, value);
  return text;
}

std::string EnvironmentSection(const ResultSet& results, const Analysis& analysis) {
  const Provenance& provenance = results.provenance;
  std::string text = "ENVIRONMENT\n";
  const auto line = [&](const std::string& label, const std::string& value) {
    text += fmt::format("  {:<14}{}\n", label, value);
  };
  line("started", provenance.started_at);
  line("server", provenance.target);
  line("text", provenance.text_origin);
  line("seed", std::to_string(provenance.seed));
  for (const StrategySummary& strategy : analysis.workloads.front().strategies) {
    line("strategy", ParametersOf(strategy.strategy));
  }
  for (const auto& [label, value] : provenance.environment) line(label, value);
  return text;
}

}  // namespace

std::string TerminalReport(const ResultSet& results, const Analysis& analysis) {
  std::string text;
  for (const WorkloadAnalysis& workload : analysis.workloads) text += WorkloadSection(results, workload, false) + '\n';
  return text + VerdictSection(analysis) + '\n' + ValiditySection(results, analysis);
}

std::string TextReport(const ResultSet& results, const Analysis& analysis) {
  std::string text = VerdictSection(analysis) + '\n' + ValiditySection(results, analysis);
  for (const WorkloadAnalysis& workload : analysis.workloads) text += '\n' + WorkloadSection(results, workload, true);
  return text + '\n' + GeneratorSection(analysis.generator) + '\n' + EnvironmentSection(results, analysis) +
         "\nTO REPEAT\n  " + results.provenance.command + '\n';
}

}  // namespace smartbatch::loadgen
