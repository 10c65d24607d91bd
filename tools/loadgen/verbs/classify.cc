#include <algorithm>
#include <iostream>
#include <iterator>
#include <memory>
#include <utility>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "common/file.h"
#include "common/utf8.h"
#include "services/proxy/scheduling/model/request.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/engine/text_pieces.h"
#include "tools/loadgen/model/request_record.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/load_flags.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kShownCharacters = 48;
constexpr std::size_t kLargestTextBytes = 256'000'000;

struct ClassifyFlags {
  ConnectionFlags connection;
  std::vector<std::string> files;
  std::size_t max_characters = 500;
  std::size_t max_sequences = 5;
  std::string customer = "default";
  std::string model;
  std::uint32_t deadline_ms = 30'000;
};

absl::StatusOr<std::string> Read(const std::string& name) {
  // Standard input may be a socket, which has no path to open.
  if (name == "-") return std::string{std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
  return ReadFile(name, kLargestTextBytes, FileKind::kAnyStream);
}

// The beginning of the piece on one line.
std::string FirstWords(const std::string& piece) {
  std::string line;
  for (const char letter : piece) {
    const bool blank = static_cast<unsigned char>(letter) <= ' ';
    if (!blank) line += letter;
    if (blank && !line.empty() && line.back() != ' ') line += ' ';
  }
  const std::string shown(FirstCodePoints(line, kShownCharacters));
  return shown.size() < line.size() ? shown + "…" : shown;
}

class Classifier {
 public:
  Classifier(const ClassifyFlags& flags, Server server)
      : flags_(flags), server_(std::move(server)), stub_(proxy::v1::ProxyService::NewStub(MakeChannel(server_))) {}

  // Sends the pieces of one request and prints a line for each.
  absl::Status Classify(const std::vector<std::string>& pieces, std::size_t from, std::size_t count) {
    proxy::v1::ProxyClassifyRequest request;
    for (std::size_t i = from; i < from + count; ++i) request.add_sequences(pieces[i]);
    request.set_model(flags_.model);
    grpc::ClientContext context;
    context.AddMetadata("x-customer-id", flags_.customer);
    AddMetadata(server_, context);
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(flags_.deadline_ms));
    proxy::v1::ProxyClassifyResponse response;
    const Time sent = Now();
    const grpc::Status status = stub_->ProxyClassify(&context, request, &response);
    const double latency_ms = ToMilliseconds(Now() - sent);
    if (!status.ok()) return Explain(status);
    if (static_cast<std::size_t>(response.results_size()) != count) {
      return absl::InternalError(
          fmt::format("the server answered {} results for {} sequences", response.results_size(), count));
    }
    for (std::size_t i = 0; i < count; ++i) {
      const auto& result = response.results(static_cast<int>(i));
      fmt::print("{:>5}  {:<9} {:>4.2f}  {:>6}  {:>9.1f}  {:>8.1f}  {:>10.1f}  {}\n", from + i + 1, result.label(),
                 result.confidence(), CountCodePoints(pieces[from + i]).value_or(0), latency_ms,
                 response.timings().queue_ms(), response.timings().service_ms(), FirstWords(pieces[from + i]));
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Explain(const grpc::Status& status) const {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      return absl::UnavailableError(
          fmt::format("the server at {} is not available ({}): start smartbatch-proxy or name "
                      "its address with --target",
                      flags_.connection.target, status.error_message()));
    }
    return absl::InternalError(
        fmt::format("the server answers {}: {}", StatusName(status.error_code()), status.error_message()));
  }

  const ClassifyFlags& flags_;
  const Server server_;
  std::unique_ptr<proxy::v1::ProxyService::Stub> stub_;
};

int ClassifyFiles(const ClassifyFlags& flags) {
  absl::StatusOr<Server> server = DataServerOf(flags.connection);
  if (!server.ok()) return ReportError(server.status());
  Classifier classifier(flags, *std::move(server));
  for (const std::string& name : flags.files) {
    const absl::StatusOr<std::string> text = Read(name);
    if (!text.ok()) return ReportError(text.status());
    const absl::StatusOr<std::vector<std::string>> pieces = CutIntoPieces(*text, flags.max_characters);
    if (!pieces.ok()) {
      return ReportError(absl::InvalidArgumentError(
          fmt::format("'{}' is {}: convert it, for example with iconv", name, std::string(pieces.status().message()))));
    }
    fmt::print("{}: {} pieces\n{:>5}  {:<9} {:>4}  {:>6}  {:>9}  {:>8}  {:>10}  {}\n",
               name == "-" ? "standard input" : name, pieces->size(), "piece", "label", "conf", "chars", "total ms",
               "queue ms", "service ms", "begins");
    for (std::size_t from = 0; from < pieces->size(); from += flags.max_sequences) {
      const std::size_t count = std::min(flags.max_sequences, pieces->size() - from);
      const absl::Status status = classifier.Classify(*pieces, from, count);
      if (!status.ok()) return ReportError(status);
    }
  }
  return program::kExitOk;
}

}  // namespace

Verb AddClassify(CLI::App& program) {
  auto flags = std::make_shared<ClassifyFlags>();
  CLI::App& verb = *program.add_subcommand("classify", "Classify the paragraphs of files through the proxy");
  verb.add_option("files", flags->files, "Text files; - is standard input")->required()->type_name("FILE");
  AddTargetFlag(verb, flags->connection);
  AddSecurityFlags(verb, flags->connection);
  verb.add_option("--max-characters", flags->max_characters, "Longer pieces are cut")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  verb.add_option("--max-sequences", flags->max_sequences,
                  "Pieces in one request, at most the proxy's --max-request-rows")
      ->check(CLI::Range(1U, scheduling::kMostSequences))
      ->capture_default_str();
  verb.add_option("--customer", flags->customer, "The customer to send as")->capture_default_str();
  verb.add_option("--model", flags->model, "The model to ask, if the proxy serves several")->type_name("NAME");
  program::AddFlag(verb, "deadline-ms", flags->deadline_ms, "Deadline of every call")->check(CLI::Range(1, 3'600'000));
  verb.footer(
      "Examples:\n"
      "  loadgen classify README.md common/utf8.cc\n"
      "  git log -3 | loadgen classify --customer reviewer --max-characters 200 -\n");
  return {&verb, [flags](const std::vector<std::string>&) { return ClassifyFiles(*flags); }};
}

}  // namespace smartbatch::loadgen
