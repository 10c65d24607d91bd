// The flags that the verbs share.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "common/workload/workload.h"
#include "tools/loadgen/engine/client.h"

namespace smartbatch::loadgen {

struct ConnectionFlags {
  std::string target = "127.0.0.1:50051";
  std::string admin_target = "127.0.0.1:50052";
};
void AddTargetFlag(CLI::App& verb, ConnectionFlags& flags);
void AddAdminTargetFlag(CLI::App& verb, ConnectionFlags& flags);

// How the load is made and measured.
struct LoadFlags {
  double seconds = 30;
  double warm_up_seconds = 2;
  std::uint64_t seed = 1;
  double rho = 0.7;
  std::uint32_t max_batch_size = 5;
  std::string text_from;
  int connections = 1;
  int threads = 1;
  std::uint32_t deadline_ms = 30'000;
  std::uint32_t max_in_flight = 20'000;
  double max_dispatch_delay_ms = 10;
};
void AddLoadFlags(CLI::App& verb, LoadFlags& flags);

ClientOptions ClientOptionsOf(const ConnectionFlags& connection, const LoadFlags& load);

struct OutputFlags {
  std::string results = "results";
  std::string progress = "auto";
};
void AddOutputFlags(CLI::App& verb, OutputFlags& flags);

// The built-in workload of that name; INVALID_ARGUMENT lists the names where there is none.
absl::StatusOr<workload::Workload> MakeWorkload(const std::string& name, const LoadFlags& load);
std::string WorkloadNames();

}  // namespace smartbatch::loadgen
