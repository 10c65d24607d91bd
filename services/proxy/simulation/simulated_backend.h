// Backends in virtual time: how long a batch takes, and which faults it meets.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/status/status.h>

#include "common/cost_model.h"
#include "common/fault_rates.h"
#include "common/random.h"
#include "common/time.h"
#include "services/proxy/scheduling/model/batch.h"

namespace smartbatch::simulation {

// The backend cannot be reached from `from` on, until `to`.
struct Outage {
  Time from{};
  Time to{};
};

struct SimulatedBackend {
  std::string name = "backend-0";
  std::uint32_t slots = 1;
  // What a batch takes, and what the scheduler is told.
  CostModel true_cost;
  CostModel believed_cost;
  // The time of every batch is multiplied by a lognormal factor of mean 1 and this sigma; 0 for none.
  double jitter = 0;
  FaultRates faults;
  // In order of time, without overlap.
  std::vector<Outage> outages;

  // INVALID_ARGUMENT, naming the value and the range.
  absl::Status Validate() const;
};

// How a batch ends: a moment and a status code, kOk if every member has its result.
struct SimulatedEnd {
  Time end{};
  absl::StatusCode code = absl::StatusCode::kOk;
  // True if the backend went away while it had the batch.
  bool fell = false;
};

// One backend while it runs. The same seed gives the same times and the same faults. Not thread safe.
class BackendProcess {
 public:
  BackendProcess(SimulatedBackend backend, std::uint64_t seed, std::uint64_t index);

  // The batch reaches the backend now.
  SimulatedEnd Start(const scheduling::Batch& batch, Time now);

  const SimulatedBackend& backend() const { return backend_; }

 private:
  SimulatedBackend backend_;
  FaultRates faults_;
  bool has_faults_;
  Random random_;
  std::uint64_t batches_ = 0;
};

}  // namespace smartbatch::simulation
