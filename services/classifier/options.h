// The flags of the classifier.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "common/cost_model.h"
#include "common/program/cost_flags.h"
#include "common/program/logging.h"
#include "services/classifier/engines/engines.h"
#include "services/classifier/faults.h"
#include "services/rpc/sequences.h"
#include "services/tls/tls_files.h"

namespace smartbatch::classifier {

struct Options {
  std::string listen = "127.0.0.1:50061";
  std::string metrics_listen = "127.0.0.1:9465";
  bool share_ports = false;
  std::string engine{kRulesEngine};
  std::string model;  // a folder
  std::size_t slots = 1;
  std::size_t max_waiting = 1000;
  rpc::SequenceLimits limits;
  tls::TlsFiles tls;
  tls::TlsFiles metrics_tls;
  program::CostFlags cost;
  FaultOptions faults;
  double drain_seconds = 10;
  program::LogOptions log;

  // The modelled time of a batch; nothing if its engine takes its own.
  std::optional<CostModel> ModelledCost() const;
};

// Adds every flag, with help and examples. `options` must outlive the parsing.
void AddFlags(CLI::App& app, Options& options);

// Checks what cannot be checked flag by flag. INVALID_ARGUMENT names the flag, the value and the range.
absl::Status Validate(const Options& options);

}  // namespace smartbatch::classifier
