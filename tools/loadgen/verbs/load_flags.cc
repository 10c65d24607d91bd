#include "tools/loadgen/verbs/load_flags.h"

#include <algorithm>
#include <utility>

#include "common/program/flags.h"

namespace smartbatch::loadgen {

using program::AddFlag;

void AddTargetFlag(CLI::App& verb, ConnectionFlags& flags) {
  program::AddHostPortFlag(verb, "target", flags.target, "The proxy's data address");
}

void AddAdminTargetFlag(CLI::App& verb, ConnectionFlags& flags) {
  program::AddHostPortFlag(verb, "admin-target", flags.admin_target, "The proxy's admin address");
  AddFlag(verb, "token-file", flags.token_file, "The bearer token in this file goes to the admin address")
      ->type_name("FILE");
}

void AddSecurityFlags(CLI::App& verb, ConnectionFlags& flags) {
  verb.add_flag("--tls", flags.tls.enabled, "Speak TLS to the data and the admin address");
  verb.add_option("--ca", flags.tls.ca, "With --tls: trust these authorities (PEM) instead of the system's")
      ->type_name("FILE");
  verb.add_option("--cert", flags.tls.certificate, "With --tls: the client's certificate (PEM)")->type_name("FILE");
  verb.add_option("--key", flags.tls.key, "With --tls: its key (PEM)")->type_name("FILE");
  verb.add_option("--server-name", flags.tls.server_name, "With --tls: the name that the server's certificate bears")
      ->type_name("NAME");
  verb.add_option("--metadata", flags.metadata, "NAME=VALUE: metadata of every call; may be given again")
      ->allow_extra_args(false);
}

void AddConnectionFlags(CLI::App& verb, ConnectionFlags& flags) {
  AddTargetFlag(verb, flags);
  AddAdminTargetFlag(verb, flags);
  AddSecurityFlags(verb, flags);
}

namespace {

constexpr Duration kConnectPatience = std::chrono::seconds(3);

absl::StatusOr<Server> ServerAt(const std::string& target, const ConnectionFlags& flags) {
  auto credentials = MakeCredentials(flags.tls);
  if (!credentials.ok()) return credentials.status();
  Server server{target, *std::move(credentials), flags.tls.enabled, flags.tls.server_name, {}};
  for (const std::string& text : flags.metadata) {
    auto metadata = ParseMetadata(text);
    if (!metadata.ok()) return metadata.status();
    server.metadata.push_back(*std::move(metadata));
  }
  return server;
}

}  // namespace

absl::StatusOr<Server> DataServerOf(const ConnectionFlags& flags) { return ServerAt(flags.target, flags); }
absl::StatusOr<Server> AdminServerOf(const ConnectionFlags& flags) {
  auto server = ServerAt(flags.admin_target, flags);
  if (!server.ok() || flags.token_file.empty()) return server;
  const auto token = ReadToken(flags.token_file);
  if (!token.ok()) return token.status();
  server->metadata.emplace_back("authorization", "Bearer " + *token);
  return server;
}

void AddLoadFlags(CLI::App& verb, LoadFlags& flags) {
  AddFlag(
      verb, "protocol", flags.protocol,
      "classify (the proxy's own) or open-inference: as text, or as a token id for each character if the model takes "
      "integers")
      ->check(CLI::IsMember({"classify", "open-inference"}));
  AddFlag(verb, "model", flags.model,
          "The model to send to, whose strategy it is too; without it the proxy's default model. With --protocol "
          "open-inference it must be named")
      ->type_name("NAME");
  AddFlag(verb, "seconds", flags.seconds, "Measured time of a block")->check(CLI::Range(0.1, 86400.0));
  AddFlag(verb, "warm-up-seconds", flags.warm_up_seconds, "Time before it that is not measured")
      ->check(CLI::Range(0.0, 3600.0));
  AddFlag(verb, "max-batch-size", flags.max_batch_size, "The server's batch size that rho refers to")
      ->check(CLI::Range(1, 1024));
  AddFlag(verb, "text-from", flags.text_from,
          "Folder of text files to cut sequences from (default: the repository around the current folder, else a "
          "built-in text)")
      ->type_name("DIR");
  AddFlag(verb, "connections", flags.connections, "Connections to the server")->check(CLI::Range(1, 1024));
  AddFlag(verb, "threads", flags.threads, "Threads that take answers")->check(CLI::Range(1, 64));
  AddFlag(verb, "deadline-ms", flags.deadline_ms, "Deadline of every call")->check(CLI::Range(1, 3'600'000));
  AddFlag(verb, "max-in-flight", flags.max_in_flight,
          "A request that is due while this many calls are open is counted, not sent")
      ->check(CLI::Range(1, 1'000'000));
  AddFlag(verb, "max-dispatch-delay-ms", flags.max_dispatch_delay_ms,
          "The run is invalid if 1 % of the requests leave later than this after they were due")
      ->check(CLI::Range(0.001, 60'000.0));
}

void FitToTrace(const CLI::App& verb, const ChosenWorkload& chosen, LoadFlags& flags) {
  if (!chosen.trace || verb.get_option("--seconds")->count() > 0) return;
  if (verb.get_option("--warm-up-seconds")->count() == 0) flags.warm_up_seconds = 0;
  // The last request is due before the end, not at it.
  const double last = ToSeconds(chosen.trace->records.back().time.time_since_epoch());
  flags.seconds = std::max(last - flags.warm_up_seconds, 0.0) + 1e-6;
}

absl::StatusOr<std::unique_ptr<Client>> ConnectClient(const ConnectionFlags& connection, const LoadFlags& load) {
  const bool speaks_open_inference = load.protocol == "open-inference";
  if (speaks_open_inference && load.model.empty()) {
    return absl::InvalidArgumentError("--protocol open-inference needs --model: name the model to send to");
  }
  absl::StatusOr<Server> server = DataServerOf(connection);
  if (!server.ok()) return server.status();
  const Duration deadline = std::chrono::milliseconds(load.deadline_ms);
  return Client::Connect(
      {*std::move(server), load.connections, load.threads, deadline, speaks_open_inference, load.model},
      kConnectPatience);
}

void AddOutputFlags(CLI::App& verb, OutputFlags& flags) {
  AddFlag(verb, "results", flags.results, "Folder of the result files")->type_name("DIR");
  AddFlag(verb, "progress", flags.progress, "auto, live, plain or none")
      ->check(CLI::IsMember({"auto", "live", "plain", "none"}));
  program::AddHostPortFlag(verb, "metrics-listen", flags.metrics_listen,
                           "Serve loadgen_* series for Prometheus here meanwhile (default: not at all)");
}

}  // namespace smartbatch::loadgen
