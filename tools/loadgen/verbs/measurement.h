// What `run` and `compare` have in common: blocks measured one after the other, and their results written.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"
#include "tools/loadgen/admin/admin_client.h"
#include "tools/loadgen/engine/client.h"
#include "tools/loadgen/engine/text_source.h"
#include "tools/loadgen/metrics/load_metrics.h"
#include "tools/loadgen/model/result_set.h"
#include "tools/loadgen/output/progress.h"
#include "tools/loadgen/output/result_folder.h"
#include "tools/loadgen/verbs/expectations.h"
#include "tools/loadgen/verbs/interruption.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {

// The plan of one block.
struct BlockTask {
  const workload::Workload* workload = nullptr;
  LabelledStrategy strategy;
  // The strategy that the server's answers name; empty if it is not known.
  std::string dispatched_by;
  std::uint32_t repeat = 1;
  std::uint64_t seed = 1;
  workload::Seeds seeds;
};

class Measurement {
 public:
  // Checks what can be checked before anything is sent: the text, the folder, the server.
  static absl::StatusOr<Measurement> Prepare(const std::string& verb, const std::vector<std::string>& command,
                                             const ConnectionFlags& connection, const LoadFlags& load,
                                             const OutputFlags& output, const WorkloadFlags& workload,
                                             Expectations expectations);

  // Plays a block, with progress, and keeps its results. `number` of `count` is for the progress line.
  void Play(const BlockTask& task, std::size_t number, std::size_t count, const Interruption& interruption);
  // Records why the last block proves nothing; does nothing if there is no block.
  void AddDefect(const std::string& defect) {
    if (!results_.blocks.empty()) results_.blocks.back().defects.push_back(defect);
  }
  void Say(const std::string& message) { progress_.Say(message); }

  // Writes all files, prints the report and returns the exit code.
  int Finish(const Interruption& interruption);

 private:
  Measurement(LoadFlags load, TextSource text, ResultFolder folder, std::unique_ptr<Client> client,
              ProgressMode progress, Expectations expectations);
  int WriteResults() const;
  // Nothing if the server does not report it.
  std::optional<proxy::v1::GetStatusResponse> Status() const;

  LoadFlags load_;
  TextSource text_;
  ResultFolder folder_;
  std::unique_ptr<Client> client_;
  // Null if the server has no admin service: what batches cost and who was charged is not known then.
  std::unique_ptr<AdminClient> admin_;
  Progress progress_;
  Expectations expectations_;
  // Null if they were not asked for.
  std::unique_ptr<LoadMetrics> metrics_;
  ResultSet results_;
  std::string seeds_;
  Time first_start_{};
};

}  // namespace smartbatch::loadgen
