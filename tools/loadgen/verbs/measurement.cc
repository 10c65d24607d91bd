#include "tools/loadgen/verbs/measurement.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>
#include <utility>

#include <fmt/format.h>

#include "tools/loadgen/admin/proxy_status.h"
#include "tools/loadgen/analysis/analysis.h"
#include "tools/loadgen/analysis/validity.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/engine/block.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/engine/run_recorder.h"
#include "tools/loadgen/output/raw_results.h"
#include "tools/loadgen/output/result_files.h"
#include "tools/loadgen/output/text_report.h"
#include "tools/loadgen/verbs/command_line.h"
#include "tools/loadgen/verbs/environment.h"
#include "tools/loadgen/verbs/exit_codes.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::chrono::milliseconds kShowEvery(250);

// Shows a block's progress from a thread of its own until it is destroyed.
class Ticker {
 public:
  Ticker(Progress& progress, std::string what, double length_seconds, const RunRecorder& recorder)
      : progress_(progress), thread_([this, what = std::move(what), length_seconds, &recorder](std::stop_token stop) {
          const Time start = Now();
          ProgressFigures figures{what, 0, length_seconds, {}};
          while (!stop.stop_requested()) {
            std::this_thread::sleep_for(kShowEvery);
            figures.elapsed_seconds = ToSeconds(Now() - start);
            figures.live = recorder.Live();
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

// The stamp, or a later one if there is already a result of the same second.
std::string FreeStamp(const std::string& stamp, const ResultFolder& folder) {
  std::string free = stamp;
  for (int number = 2; std::filesystem::exists(folder.path() / (free + kBlocksSuffix)); ++number) {
    free = fmt::format("{}_{}", stamp, number);
  }
  return free;
}

bool AnyAnswered(const Analysis& analysis) {
  for (const WorkloadAnalysis& workload : analysis.workloads) {
    for (const StrategySummary& strategy : workload.strategies) {
      if (strategy.requests.all.answered > 0) return true;
    }
  }
  return false;
}

// The first failure for which the server gave a message.
std::string FirstFailure(const ResultSet& results) {
  for (const Block& block : results.blocks) {
    for (const auto& [code, message] : block.messages) return StatusName(code) + ": " + message;
  }
  return "no request was due in the measured time";
}

}  // namespace

Measurement::Measurement(LoadFlags load, TextSource text, ResultFolder folder, std::unique_ptr<Client> client,
                         ProgressMode progress, Expectations expectations)
    : load_(std::move(load)),
      text_(std::move(text)),
      folder_(std::move(folder)),
      client_(std::move(client)),
      progress_(progress),
      expectations_(std::move(expectations)) {}

absl::StatusOr<Measurement> Measurement::Prepare(const std::string& verb, const std::vector<std::string>& command,
                                                 const ConnectionFlags& connection, const LoadFlags& load,
                                                 const OutputFlags& output, const WorkloadFlags& workload,
                                                 Expectations expectations) {
  absl::StatusOr<TextSource> text = TextSource::Choose(load.text_from);
  if (!text.ok()) return text.status();
  absl::StatusOr<ResultFolder> folder = ResultFolder::Open(output.results);
  if (!folder.ok()) return folder.status();
  auto client = ConnectClient(connection, load);
  if (!client.ok()) return client.status();

  Measurement measurement(load, *std::move(text), *std::move(folder), *std::move(client),
                          ChooseProgressMode(output.progress), std::move(expectations));
  if (const auto admin = AdminServerOf(connection); admin.ok()) {
    auto asked = std::make_unique<AdminClient>(*admin, load.model);
    if (asked->GetStatus().ok()) measurement.admin_ = std::move(asked);
  }
  if (!output.metrics_listen.empty()) {
    auto metrics = LoadMetrics::Start(output.metrics_listen);
    if (!metrics.ok()) return metrics.status();
    measurement.metrics_ = *std::move(metrics);
    measurement.Say("metrics on http://" + measurement.metrics_->address() + "/metrics");
  }
  Provenance& provenance = measurement.results_.provenance;
  const Moment now = DescribeNow();
  provenance.verb = verb;
  provenance.target = connection.target;
  provenance.stamp = FreeStamp(now.stamp, measurement.folder_);
  provenance.started_at = now.text;
  provenance.command = QuoteCommand(command);
  provenance.text_origin = measurement.text_.origin();
  provenance.seed = workload.seed;
  provenance.max_dispatch_delay_ms = load.max_dispatch_delay_ms;
  provenance.environment = DescribeEnvironment();
  provenance.objectives = measurement.expectations_.objectives();
  measurement.seeds_ = workload.seeds().ToString();
  provenance.environment.emplace_back("seeds", measurement.seeds_);
  return measurement;
}

void Measurement::Play(const BlockTask& task, std::size_t number, std::size_t count, const Interruption& interruption) {
  const Duration warm_up = FromSeconds(load_.warm_up_seconds);
  const Duration length = warm_up + FromSeconds(load_.seconds);
  ArrivalPlan plan(*task.workload, task.seeds, text_);
  RunRecorder recorder(metrics_.get());
  BlockOptions options;
  options.length = length;
  options.max_in_flight = load_.max_in_flight;
  options.drain = std::chrono::milliseconds(load_.deadline_ms) + std::chrono::seconds(2);

  Block block;
  for (std::uint32_t customer = 0; customer < plan.customer_count(); ++customer) {
    block.customers.push_back(plan.name(customer));
  }
  if (metrics_) metrics_->BeginBlock(task.workload->name, task.strategy.name, number, count, block.customers);
  const auto status_before = Status();
  const Time start = Now();
  if (results_.blocks.empty()) first_start_ = start;
  const double cpu_before = ProcessCpuSeconds();
  {
    const std::string what = fmt::format("block {}/{}  {}  {}", number, count, task.workload->name, task.strategy.name);
    const Ticker ticker(progress_, what, ToSeconds(length), recorder);
    PlayBlock(options, plan, *client_, recorder, interruption.token());
  }
  if (metrics_) metrics_->EndBlock();
  if (const auto status = Status(); status_before && status) {
    block.charged_over_weight = ChargedOverWeight(*status_before, *status, block.customers);
    results_.provenance.cost = LearnedCost(*status);
  }
  block.workload = task.workload->name;
  block.strategy = task.strategy;
  block.dispatched_by = task.dispatched_by;
  block.repeat = task.repeat;
  block.seed = task.seed;
  block.start = start - first_start_;
  block.warm_up = warm_up;
  block.interrupted = interruption.requested();
  block.measured =
      block.interrupted ? std::clamp(Now() - start - warm_up, Duration(), length - warm_up) : length - warm_up;
  block.records = recorder.TakeRecords();
  block.messages = recorder.TakeMessages();
  if (std::string gone = ServerGone(block); !gone.empty()) block.defects.push_back(std::move(gone));
  block.generator_cpu_seconds = ProcessCpuSeconds() - cpu_before;
  results_.provenance.workloads[block.workload] = task.workload->description;
  results_.blocks.push_back(std::move(block));
}

std::optional<proxy::v1::GetStatusResponse> Measurement::Status() const {
  if (!admin_) return std::nullopt;
  auto status = admin_->GetStatus();
  return status.ok() ? std::optional(*std::move(status)) : std::nullopt;
}

int Measurement::WriteResults() const {
  // The raw files come first: if a later one fails it can be made again from them.
  const absl::Status raw = WriteRawResults(results_, folder_);
  if (!raw.ok()) return ReportError(raw);
  const Analysis analysis = Analyze(results_);
  const ReportDocument report = MakeReport(results_, analysis);
  fmt::print("\n{}\nseeds of the first repeat: {}\n", TerminalReport(report), seeds_);
  absl::StatusOr<WrittenFiles> written = WriteReports(results_, analysis, report, folder_);
  if (!written.ok()) return ReportError(written.status());
  for (const char* const raw_file : {kRequestsSuffix, kBlocksSuffix}) {
    written->names.push_back(results_.provenance.stamp + raw_file);
  }
  PrintWritten(*written, folder_);
  if (!AnyAnswered(analysis)) {
    return ReportError(absl::UnavailableError("no request was answered; " + FirstFailure(results_)));
  }
  const absl::StatusOr<int> code = expectations_.Judge(results_, analysis);
  if (!code.ok()) return ReportError(code.status());
  return *code == program::kExitOk && written->picture_failed() ? ReportError(written->picture) : *code;
}

int Measurement::Finish(const Interruption& interruption) {
  results_.interrupted = interruption.requested();
  const bool anything = std::any_of(results_.blocks.begin(), results_.blocks.end(),
                                    [](const Block& block) { return !block.records.empty(); });
  if (!anything) return interruption.requested() ? kExitInterrupted : program::kExitError;
  const int code = WriteResults();
  return interruption.requested() ? kExitInterrupted : code;
}

}  // namespace smartbatch::loadgen
