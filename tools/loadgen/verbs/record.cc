#include <algorithm>
#include <filesystem>
#include <memory>
#include <utility>

#include <fmt/format.h>

#include "services/proxy/simulation/workload_feed.h"
#include "tools/loadgen/engine/arrival_plan.h"
#include "tools/loadgen/engine/block.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/output/result_folder.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/interruption.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/verbs.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostRequests = 100'000'000;

struct RecordFlags {
  std::string file;
  bool no_server = false;
  WorkloadFlags workload;
  ConnectionFlags connection;
  LoadFlags load;
};

// What an open loop will send is known without a server.
absl::StatusOr<simulation::Trace> RecordPlan(const RecordFlags& flags, const workload::Workload& workload) {
  for (const workload::CustomerModel& customer : workload.customers) {
    if (!std::holds_alternative<workload::ClosedLoop>(customer.arrivals)) continue;
    return absl::InvalidArgumentError(
        fmt::format("customer '{}' of workload '{}' is a closed loop: when it sends depends on the answers; record it "
                    "against a server, or use loadgen simulate --trace-out",
                    customer.name, workload.name));
  }
  simulation::WorkloadFeed feed(workload, flags.workload.seeds(), kMostRequests);
  simulation::RecordingFeed recording(feed);
  const Time end(FromSeconds(flags.load.seconds));
  while (recording.NextTime() < end) recording.Take();
  return recording.trace();
}

struct Played {
  simulation::Trace trace;
  std::uint64_t failed = 0;
  std::string first_failure;
};

absl::StatusOr<Played> RecordLive(const RecordFlags& flags, const workload::Workload& workload,
                                  const Interruption& interruption) {
  absl::StatusOr<TextSource> text = TextSource::Choose(flags.load.text_from);
  if (!text.ok()) return text.status();
  auto client = ConnectClient(flags.connection, flags.load);
  if (!client.ok()) return client.status();

  struct Due {
    Time time;
    std::uint32_t customer;
    std::vector<std::uint32_t> lengths;
  };
  std::vector<Due> due;
  ArrivalPlan plan(workload, flags.workload.seeds(), *text);
  RunRecorder recorder;
  BlockOptions options;
  options.length = FromSeconds(flags.load.seconds);
  options.max_in_flight = flags.load.max_in_flight;
  options.drain = std::chrono::milliseconds(flags.load.deadline_ms) + std::chrono::seconds(2);
  options.on_due = [&](std::uint32_t customer, Duration scheduled, std::span<const std::uint32_t> lengths) {
    due.push_back({Time(scheduled), customer, {lengths.begin(), lengths.end()}});
  };
  PlayBlock(options, plan, **client, recorder, interruption.token());

  // A late closed loop may have been called after a request that was due later.
  std::stable_sort(due.begin(), due.end(), [](const Due& left, const Due& right) { return left.time < right.time; });
  Played played;
  for (std::uint32_t i = 0; i < plan.customer_count(); ++i) played.trace.customers.push_back(plan.name(i));
  for (const Due& request : due) played.trace.Add(request.time, request.customer, request.lengths);
  for (const RequestRecord& record : recorder.TakeRecords()) played.failed += record.answered() ? 0 : 1;
  for (const auto& [code, message] : recorder.TakeMessages()) {
    if (played.first_failure.empty()) played.first_failure = StatusName(code) + ": " + message;
  }
  return played;
}

int Record(const RecordFlags& flags) {
  const Interruption interruption;
  const auto chosen = ChooseWorkload(flags.workload, {flags.workload.rho, flags.load.max_batch_size, {}});
  if (!chosen.ok()) return ReportError(chosen.status());
  const fs::path file(flags.file);
  const auto folder = ResultFolder::Open(file.has_parent_path() ? file.parent_path() : fs::path("."));
  if (!folder.ok()) {
    return ReportError(absl::FailedPreconditionError(
        fmt::format("cannot write '{}': name a file in a folder that can be written", flags.file)));
  }

  Played played;
  if (flags.no_server) {
    auto trace = RecordPlan(flags, chosen->workload);
    if (!trace.ok()) return ReportError(trace.status());
    played.trace = *std::move(trace);
  } else {
    auto live = RecordLive(flags, chosen->workload, interruption);
    if (!live.ok()) return ReportError(live.status());
    played = *std::move(live);
  }
  const std::size_t requests = played.trace.records.size();
  if (requests == 0) {
    if (interruption.requested()) return kExitInterrupted;
    return ReportError(absl::FailedPreconditionError("no request was due in that time: raise --seconds or the rate"));
  }
  const absl::Status written =
      folder->Write(file.filename().string(), [&](std::ostream& out) { simulation::WriteTrace(played.trace, out); });
  if (!written.ok()) return ReportError(written);
  fmt::print("{}: {} requests of {} customers in {:.3f} s; seeds: {}\n", flags.file, requests,
             played.trace.customers.size(), ToSeconds(played.trace.records.back().time.time_since_epoch()),
             flags.workload.seeds().ToString());
  if (played.failed > 0) {
    fmt::print(stderr, "loadgen: {} of them were not answered; {}\n", played.failed, played.first_failure);
  }
  if (interruption.requested()) return kExitInterrupted;
  return played.failed == requests ? program::kExitError : program::kExitOk;
}

}  // namespace

Verb AddRecord(CLI::App& program) {
  auto flags = std::make_shared<RecordFlags>();
  flags->workload.workloads = {"seedopen"};
  CLI::App& verb = *program.add_subcommand(
      "record", "Play a workload and write who sent what when, for replay and simulate --trace-in");
  verb.add_option("file", flags->file, "The trace to write: lines of {\"timestamp_ms\", \"customer\", \"lengths\"}")
      ->required()
      ->type_name("FILE");
  verb.add_flag("--no-server", flags->no_server,
                "Send nothing: write what open loops would send, which depends on the seeds alone");
  AddWorkloadFlags(verb, flags->workload, /*several=*/false);
  AddConnectionFlags(verb, flags->connection);
  AddLoadFlags(verb, flags->load);
  verb.footer(
      "Written is when each request was due, counted from the first moment, whether or not it was answered.\n"
      "Examples:\n"
      "  loadgen record morning.jsonl --workload eight-and-eight --seconds 60\n"
      "  loadgen record plan.jsonl --no-server --workload burstyseed --rho 0.6 --seconds 600\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Record(*flags); }};
}

}  // namespace smartbatch::loadgen
