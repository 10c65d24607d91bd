#include "tools/loadgen/verbs/measurement.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/engine/block.h"
#include "tools/loadgen/engine/clock.h"
#include "tools/loadgen/engine/run_recorder.h"
#include "tools/loadgen/output/json_report.h"
#include "tools/loadgen/output/plot.h"
#include "tools/loadgen/output/requests_csv.h"
#include "tools/loadgen/output/text_report.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/environment.h"
#include "tools/loadgen/verbs/exit_codes.h"

namespace smartbatch::loadgen {
namespace {

constexpr Duration kConnectPatience = std::chrono::seconds(3);
constexpr std::chrono::milliseconds kShowEvery(250);

// Shows a block's progress from a thread of its own until it is destroyed.
class Ticker {
 public:
  Ticker(Progress& progress, std::string what, double length_seconds, const RunRecorder& recorder)
      : progress_(progress), thread_([this, what = std::move(what), length_seconds, &recorder](std::stop_token stop) {
          const Time start = Now();
          ProgressFigures figures{what, 0, length_seconds, 0, {}};
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(kShowEvery);
            const LiveFigures live = recorder.Live();
            const double elapsed = ToSeconds(Now() - start);
            figures.rate = static_cast<double>(live.answered) / elapsed;
            figures.elapsed_seconds = elapsed;
            figures.live = live;
            progress_.Show(figures);
          }
        }) {}
  ~Ticker() {
    thread_.request_stop();
    thread_.join();
    progress_.EndBlock();
  }
  Ticker(const Ticker&) = delete;
  Ticker& operator=(const Ticker&) = delete;

 private:
  Progress& progress_;
  std::jthread thread_;
};

bool AnyAnswered(const Analysis& analysis) {
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const StrategySummary& strategy : workload.strategies) {
      if (strategy.requests.all.answered > 0) return true;
    }
  }
  return false;
}

// The first failure that the server explained.
std::string FirstFailure(const ResultSet& results) {
  for (const Block& block : results.blocks) {
    for (const auto& [code, message] : block.messages) return StatusName(code) + ": " + message;
  }
  return "no request was due in the measured time";
}

}  // namespace

Measurement::Measurement(LoadFlags load, TextSource text, ResultFolder folder, std::unique_ptr<Client> client,
                         ProgressMode progress)
    : load_(std::move(load)),
      text_(std::move(text)),
      folder_(std::move(folder)),
      client_(std::move(client)),
      progress_(progress) {}

absl::StatusOr<Measurement> Measurement::Prepare(const std::string& verb, const std::vector<std::string>& command,
                                                 const ConnectionFlags& connection, const LoadFlags& load,
                                                 const OutputFlags& output) {
  absl::StatusOr<TextSource> text = TextSource::Choose(load.text_from);
  if (!text.ok()) return text.status();
  absl::StatusOr<ResultFolder> folder = ResultFolder::Open(output.results);
  if (!folder.ok()) return folder.status();
  auto client = Client::Connect(ClientOptionsOf(connection, load), kConnectPatience);
  if (!client.ok()) return client.status();

  Measurement measurement(load, *std::move(text), *std::move(folder), *std::move(client),
                          ChooseProgressMode(output.progress));
  Provenance& provenance = measurement.results_.provenance;
  const Moment now = DescribeNow();
  provenance.verb = verb;
  provenance.target = connection.target;
  provenance.stamp = now.stamp;
  provenance.started_at = now.text;
  provenance.command = QuoteCommand(command);
  provenance.text_origin = measurement.text_.origin();
  provenance.seed = load.seed;
  provenance.max_dispatch_delay_ms = load.max_dispatch_delay_ms;
  provenance.environment = DescribeEnvironment();
  return measurement;
}

void Measurement::Play(const BlockTask& task, std::size_t number, std::size_t count, const Interruption& interruption) {
  const Duration warm_up = FromSeconds(load_.warm_up_seconds);
  const Duration length = warm_up + FromSeconds(load_.seconds);
  ArrivalPlan plan(*task.workload, workload::Seeds::All(task.seed), text_);
  RunRecorder recorder;
  BlockOptions options;
  options.length = length;
  options.max_in_flight = load_.max_in_flight;
  options.drain = std::chrono::milliseconds(load_.deadline_ms) + std::chrono::seconds(2);

  const Time start = Now();
  if (results_.blocks.empty()) first_start_ = start;
  const double cpu_before = ProcessCpuSeconds();
  {
    const std::string what = fmt::format("block {}/{}  {}  {}", number, count, task.workload->name, task.strategy.name);
    const Ticker ticker(progress_, what, ToSeconds(length), recorder);
    PlayBlock(options, plan, *client_, recorder, interruption.token());
  }
  Block block;
  block.workload = task.workload->name;
  block.strategy = task.strategy;
  block.repeat = task.repeat;
  block.seed = task.seed;
  block.start = start - first_start_;
  block.warm_up = warm_up;
  block.interrupted = interruption.requested();
  block.measured =
      block.interrupted ? std::clamp(Now() - start - warm_up, Duration(), length - warm_up) : length - warm_up;
  for (std::uint32_t customer = 0; customer < plan.customer_count(); ++customer) {
    block.customers.push_back(plan.name(customer));
  }
  block.records = recorder.TakeRecords();
  block.messages = recorder.TakeMessages();
  block.generator_cpu_seconds = ProcessCpuSeconds() - cpu_before;
  results_.provenance.workloads[block.workload] = task.workload->description;
  results_.blocks.push_back(std::move(block));
}

int Measurement::WriteResults(const std::string& stem) const {
  const Analysis analysis = Analyze(results_);
  fmt::print("\n{}", TerminalReport(results_, analysis));
  const std::string picture =
      fmt::format("{}_latency_{}", stem, results_.provenance.verb == "run" ? "run" : "comparison");
  for (const absl::Status& status :
       {folder_.Write(stem + "_requests.csv", [this](std::ostream& out) { WriteRequestsCsv(results_, out); }),
        folder_.Write(stem + "_summary.txt", TextReport(results_, analysis)),
        folder_.Write(stem + "_summary.json", JsonReport(results_, analysis))}) {
    if (!status.ok()) return ReportError(status);
  }
  const absl::Status drawn = DrawPlot(results_, analysis, picture, folder_);
  fmt::print("\nWritten to {}:\n", folder_.path().string());
  if (drawn.ok()) fmt::print("  {0}.png, {0}.svg (drawn by {0}.gp from {0}.dat)\n", picture);
  fmt::print("  {0}_summary.txt, {0}_summary.json, {0}_requests.csv\n", stem);
  if (!drawn.ok()) {
    const int code = ReportError(drawn);
    // A machine without gnuplot has all the figures none the less.
    if (drawn.code() != absl::StatusCode::kNotFound) return code;
  }
  if (!AnyAnswered(analysis)) {
    return ReportError(absl::UnavailableError("no request was answered; " + FirstFailure(results_)));
  }
  return analysis.valid() ? program::kExitOk : kExitInvalid;
}

int Measurement::Finish(const Interruption& interruption) {
  results_.interrupted = interruption.requested();
  const bool anything = std::any_of(results_.blocks.begin(), results_.blocks.end(),
                                    [](const Block& block) { return !block.records.empty(); });
  if (!anything) return interruption.requested() ? kExitInterrupted : program::kExitError;
  const int code = WriteResults(results_.provenance.stamp);
  return interruption.requested() ? kExitInterrupted : code;
}

}  // namespace smartbatch::loadgen
