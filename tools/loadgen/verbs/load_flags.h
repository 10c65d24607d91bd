// The flags that the verbs share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "tools/loadgen/engine/client.h"
#include "tools/loadgen/verbs/workload_flags.h"

namespace smartbatch::loadgen {

struct ConnectionFlags {
  std::string target = "127.0.0.1:50051";
  std::string admin_target = "127.0.0.1:50052";
  TlsOptions tls;
  // Each NAME=VALUE.
  std::vector<std::string> metadata;
  // Holds the bearer token of the operators' service.
  std::string token_file;
};
void AddTargetFlag(CLI::App& verb, ConnectionFlags& flags);
void AddAdminTargetFlag(CLI::App& verb, ConnectionFlags& flags);
// TLS and metadata, of the data and the admin address alike.
void AddSecurityFlags(CLI::App& verb, ConnectionFlags& flags);
// All of them.
void AddConnectionFlags(CLI::App& verb, ConnectionFlags& flags);

// INVALID_ARGUMENT if a file cannot be read or a flag is malformed.
absl::StatusOr<Server> DataServerOf(const ConnectionFlags& flags);
absl::StatusOr<Server> AdminServerOf(const ConnectionFlags& flags);

// How the load is made and measured.
struct LoadFlags {
  std::string protocol = "classify";
  std::string model;
  double seconds = 30;
  double warm_up_seconds = 2;
  std::uint32_t max_batch_size = 5;
  std::string text_from;
  int connections = 1;
  int threads = 1;
  std::uint32_t deadline_ms = 30'000;
  std::uint32_t max_in_flight = 20'000;
  double max_dispatch_delay_ms = 10;
};
void AddLoadFlags(CLI::App& verb, LoadFlags& flags);

// If the flag --seconds was not given, plays the whole trace, and without a warm-up if none was asked for.
void FitToTrace(const CLI::App& verb, const ChosenWorkload& chosen, LoadFlags& flags);

// UNAVAILABLE if no server answers within 3 seconds; INVALID_ARGUMENT if the protocol needs a model and there is none;
// and what SpeakOpenInference says of the model.
absl::StatusOr<std::unique_ptr<Client>> ConnectClient(const ConnectionFlags& connection, const LoadFlags& load);

struct OutputFlags {
  std::string results = "results";
  std::string progress = "auto";
  std::string metrics_listen;
};
void AddOutputFlags(CLI::App& verb, OutputFlags& flags);

}  // namespace smartbatch::loadgen
