#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <memory>

#include <fmt/format.h>

#include "services/proxy/simulation/chart_builder.h"
#include "services/proxy/simulation/report.h"
#include "services/proxy/simulation/trace.h"
#include "services/proxy/simulation/workload_feed.h"
#include "tools/loadgen/output/chart_page.h"
#include "tools/loadgen/output/text_table.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/interruption.h"
#include "tools/loadgen/verbs/simulate_flags.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

// A strategy did not keep up if its drain took longer than this share of the time of the arrivals.
constexpr double kLongDrain = 0.05;

bool IsPoisson(const workload::Workload& workload) {
  for (const workload::CustomerModel& customer : workload.customers) {
    const bool always_there = customer.presence.cycle == Duration::zero();
    if (!std::holds_alternative<workload::Poisson>(customer.arrivals) || !always_there ||
        !customer.schedule.points.empty()) {
      return false;
    }
  }
  return true;
}

std::string Cell(const std::optional<double>& figure) { return figure ? fmt::format("{:.2f}", *figure) : ""; }

std::string TitleOf(const simulation::Scenario& scenario) {
  return scenario.workload + (scenario.rho > 0 ? fmt::format(" at rho {}", scenario.rho) : "");
}

std::string TextReport(const simulation::Scenario& scenario, const std::vector<simulation::Result>& results) {
  std::string text =
      fmt::format("{}: {} requests, batches of {}, {} x {} slots; latencies in ms of virtual time\nseeds: {}\n\n",
                  TitleOf(scenario), scenario.requests, scenario.max_batch_size, scenario.backends, scenario.slots,
                  scenario.seeds.ToString());
  TextTable table({"strategy", "answered", "mean", "p50", "p90", "p99", "p99.9", "max", "on time", "answers/s", "busy",
                   "batch", "padding", "slowdown", "worst", "shares", "gap s", "bound"});
  std::string notes;
  for (const simulation::Result& result : results) {
    const simulation::LatencyFigures& latency = result.latency_ms;
    table.AddRow({result.strategy.name, fmt::format("{}", result.requests), Cell(latency.mean), Cell(latency.p50),
                  Cell(latency.p90), Cell(latency.p99), Cell(latency.p999), Cell(latency.max),
                  fmt::format("{:.1f}%", 100 * result.on_time_share),
                  fmt::format("{:.2f}", result.throughput_per_second), fmt::format("{:.1f}%", 100 * result.busy_share),
                  fmt::format("{:.2f}", result.batch_sequences_mean),
                  fmt::format("{:.1f}%", 100 * result.padding_share), Cell(result.fairness.slowdown),
                  Cell(result.fairness.worst_customer_slowdown), Cell(result.fairness.share_index),
                  fmt::format("{:.3f}", result.fairness_gap_seconds), Cell(result.lower_bound_ms)});
    if (result.drain_seconds > kLongDrain * result.arrival_seconds) {
      notes += fmt::format("{} did not keep up: {:.1f} s of arrivals took {:.1f} s more to drain\n",
                           result.strategy.name, result.arrival_seconds, result.drain_seconds);
    }
    const std::uint64_t unanswered = result.outcomes.offered - result.outcomes[scheduling::Outcome::kAnswered];
    if (unanswered > 0) {
      notes += fmt::format("{}: {} of {} requests were not answered\n", result.strategy.name, unanswered,
                           result.outcomes.offered);
    }
  }
  constexpr char kLegend[] =
      "\nslowdown: latency over the time that a request takes alone, and worst of a customer; shares: Jain's index of "
      "what was charged over weight, 1 if even\n";
  return text + table.ToString() + kLegend + (notes.empty() ? "" : "\n" + notes);
}

// One line on a terminal that is overwritten.
class ProgressLine {
 public:
  explicit ProgressLine(const std::string& mode)
      : shown_(mode == "live" || (mode == "auto" && isatty(STDERR_FILENO) != 0)) {}
  ~ProgressLine() {
    if (shown_) fmt::print(stderr, "\r\x1b[K");
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Show(const std::string& strategy, std::uint64_t done, std::uint64_t all) const {
    if (!shown_) return;
    fmt::print(stderr, "\r\x1b[K{}: {} of {} requests ({}%)", strategy, done, all, 100 * done / all);
    std::fflush(stderr);
  }

 private:
  const bool shown_;
};

// A file that is written while the simulation runs; none if the path is empty.
absl::StatusOr<std::ofstream> OpenForWriting(const std::string& path) {
  std::ofstream file;
  if (path.empty()) return file;
  file.open(path);
  if (!file) return absl::InvalidArgumentError(fmt::format("{} cannot be written", path));
  return file;
}

// The charts of the strategies, all over the time that the first one shows.
class Charts {
 public:
  Charts(const ChartFlags& flags, std::uint64_t first, std::uint32_t seats)
      : flags_(flags), first_(flags.first.value_or(first)), seats_(seats) {}

  bool wanted() const { return !flags_.html.empty(); }
  // Returns the observer of the next strategy's simulation; null if nothing is to be drawn.
  scheduling::SchedulerObserver* Begin() {
    if (!wanted()) return nullptr;
    builder_ = window_ ? std::make_unique<simulation::ChartBuilder>(*window_)
                       : std::make_unique<simulation::ChartBuilder>(first_, flags_.requests);
    observer_ = std::make_unique<simulation::ChartObserver>(*builder_, seats_);
    return observer_.get();
  }
  absl::Status End(const simulation::Result& result) {
    if (!wanted()) return absl::OkStatus();
    auto chart = builder_->Finish();
    if (!chart.ok()) {
      return absl::InvalidArgumentError(fmt::format("--draw-first is {}: {}; give one that is below --requests", first_,
                                                    std::string(chart.status().message())));
    }
    if (!window_) window_ = builder_->window();
    chart->title = result.strategy.name;
    chart->note = NoteOf(result);
    charts_.push_back(*std::move(chart));
    return absl::OkStatus();
  }
  absl::Status Write(const std::string& title) const {
    return wanted() ? WriteChartPage(flags_.html, title, charts_) : absl::OkStatus();
  }

 private:
  std::string NoteOf(const simulation::Result& result) {
    const double mean = result.latency_ms.mean;
    std::string note = fmt::format("Over the whole simulation: mean {:.0f} ms", mean);
    if (result.latency_ms.p99) note += fmt::format(", p99 {:.0f} ms", *result.latency_ms.p99);
    note += fmt::format(", {} requests", result.requests);
    if (charts_.empty()) {
      first_mean_ = mean;
    } else if (first_mean_ > 0) {
      note += fmt::format("; the mean is {:.2f} of {}'s", mean / first_mean_, charts_.front().title);
    }
    return note;
  }

  const ChartFlags& flags_;
  const std::uint64_t first_;
  const std::uint32_t seats_;
  std::optional<simulation::ChartWindow> window_;
  std::unique_ptr<simulation::ChartBuilder> builder_;
  std::unique_ptr<simulation::ChartObserver> observer_;
  std::vector<timeline::Chart> charts_;
  double first_mean_ = 0;
};

class SimulateVerb {
 public:
  explicit SimulateVerb(const SimulateFlags& flags) : flags_(flags) {}

  int Run() {
    const Interruption interruption;
    const absl::Status status = Simulate(interruption);
    if (interruption.requested()) return kExitInterrupted;
    return status.ok() ? program::kExitOk : ReportError(status);
  }

 private:
  absl::Status Simulate(const Interruption& interruption) {
    if (absl::Status status = Prepare(); !status.ok()) return status;
    auto decisions = OpenForWriting(flags_.decisions_out);
    if (!decisions.ok()) return decisions.status();
    auto trace_out = OpenForWriting(flags_.trace_out);
    if (!trace_out.ok()) return trace_out.status();

    std::vector<simulation::Result> results;
    const auto warm_up = static_cast<std::uint64_t>(flags_.warm_up_share * static_cast<double>(requests_));
    Charts charts(flags_.chart, warm_up, flags_.max_batch_size);
    {
      const ProgressLine progress(flags_.progress);
      for (const scheduling::StrategyChoice& strategy : strategies_) {
        options_.strategy = strategy;
        options_.keep_going = [&](std::uint64_t done) {
          progress.Show(strategy.name, done, requests_);
          return !interruption.requested();
        };
        if (decisions->is_open()) {
          options_.on_decision = [&](const simulation::SimulatedDecision& decision) {
            *decisions << simulation::DecisionLine(decision);
          };
        }
        options_.observer = charts.Begin();
        const bool record = trace_out->is_open() && results.empty();
        auto result = PlayOnce(record ? &*trace_out : nullptr);
        if (!result.ok()) return result.status();
        if (absl::Status drawn = charts.End(*result); !drawn.ok()) return drawn;
        results.push_back(*std::move(result));
      }
    }
    if (decisions->is_open() && !decisions->flush()) {
      return absl::DataLossError(fmt::format("{} could not be written whole", flags_.decisions_out));
    }
    if (trace_out->is_open() && !trace_out->flush()) {
      return absl::DataLossError(fmt::format("{} could not be written whole", flags_.trace_out));
    }
    const simulation::Scenario scenario = MakeScenario();
    if (absl::Status written = charts.Write(TitleOf(scenario)); !written.ok()) return written;
    fmt::print("{}",
               flags_.format == "json" ? simulation::ReportJson(scenario, results) : TextReport(scenario, results));
    return absl::OkStatus();
  }

  absl::Status Prepare() {
    auto strategies = StrategiesOf(flags_);
    if (!strategies.ok()) return strategies.status();
    strategies_ = *std::move(strategies);
    auto options = SimulationOptionsOf(flags_);
    if (!options.ok()) return options.status();
    options_ = *std::move(options);
    auto chosen = WorkloadOf(flags_);
    if (!chosen.ok()) return chosen.status();
    chosen_ = *std::move(chosen);
    requests_ = chosen_.trace ? chosen_.trace->records.size() : flags_.requests;
    options_.poisson_arrivals = IsPoisson(chosen_.workload);
    for (const workload::CustomerModel& customer : chosen_.workload.customers) {
      if (customer.weight == 1 && customer.tier == 0) continue;
      // --weight and --tier come first.
      scheduling::CustomerPolicy policy;
      policy.weight = customer.weight;
      policy.tier = customer.tier;
      options_.customers.try_emplace(customer.name, policy);
    }
    return absl::OkStatus();
  }

  absl::StatusOr<simulation::Result> PlayOnce(std::ostream* trace_out) const {
    std::unique_ptr<simulation::ArrivalFeed> feed;
    if (chosen_.trace) {
      // Not as a workload: requests of the same moment keep the order of their lines.
      feed = std::make_unique<simulation::TraceFeed>(*chosen_.trace);
    } else {
      feed = std::make_unique<simulation::WorkloadFeed>(chosen_.workload, flags_.workload.seeds(), requests_);
    }
    if (trace_out == nullptr) return simulation::Simulate(*feed, options_);
    simulation::RecordingFeed recording(*feed);
    auto result = simulation::Simulate(recording, options_);
    simulation::WriteTrace(recording.trace(), *trace_out);
    return result;
  }

  simulation::Scenario MakeScenario() const {
    simulation::Scenario scenario;
    scenario.workload = chosen_.trace ? flags_.workload.trace_in : chosen_.workload.name;
    scenario.rho = chosen_.rho > 0 ? flags_.workload.rho : 0;
    scenario.requests = requests_;
    scenario.seed = flags_.workload.seed;
    scenario.seeds = flags_.workload.seeds();
    scenario.warmup_share = flags_.warm_up_share;
    scenario.max_batch_size = flags_.max_batch_size;
    scenario.backends = flags_.backends;
    scenario.slots = flags_.slots;
    return scenario;
  }

  const SimulateFlags& flags_;
  std::vector<scheduling::StrategyChoice> strategies_;
  simulation::SimulationOptions options_;
  ChosenWorkload chosen_;
  std::uint64_t requests_ = 0;
};

}  // namespace

Verb AddSimulate(CLI::App& program) {
  auto flags = std::make_shared<SimulateFlags>();
  CLI::App& verb = *program.add_subcommand(
      "simulate", "Play a workload or a trace in virtual time through the proxy's own scheduler: no server");
  AddSimulateFlags(verb, *flags);
  verb.footer(
      "Examples:\n"
      "  loadgen simulate --workload seedopen --rho 0.7 --strategies sjf,fair,fcfs\n"
      "  loadgen simulate --workload azure2023 --strategies density,triton,turbo --param triton.max_queue_delay_ms=5\n"
      "  loadgen simulate --workload eight-and-eight --strategies fcfs --param fcfs.linger_ms=0 --format json\n"
      "  loadgen simulate --workload seedopen --rho 0.7 --strategies fcfs,density --html batches.html\n"
      "  loadgen simulate --trace-in requests.jsonl --strategies sjf --decisions-out decisions.jsonl\n");
  return {&verb, [flags](const std::vector<std::string>&) { return SimulateVerb(*flags).Run(); }};
}

}  // namespace smartbatch::loadgen
