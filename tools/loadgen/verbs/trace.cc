#include <filesystem>
#include <map>
#include <memory>
#include <sstream>
#include <utility>

#include <fmt/format.h>

#include "common/file.h"
#include "common/workload/customer_fields.h"
#include "tools/loadgen/output/result_folder.h"
#include "tools/loadgen/traces/public_traces.h"
#include "tools/loadgen/verbs/exit_codes.h"
#include "tools/loadgen/verbs/verbs.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

struct TraceFlags {
  TraceFormat format = TraceFormat::kAzure;
  TraceConverter::Options options;
  std::vector<std::string> files;
  std::string out;
};

// `CUSTOMER=FILE` or `FILE`. A path may hold '=' too: what stands before it is a customer only if it is a name.
std::pair<std::string, std::string> CustomerAndPath(const std::string& argument) {
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos || !workload::IsCustomerName(argument.substr(0, equals))) return {"", argument};
  return {argument.substr(0, equals), argument.substr(equals + 1)};
}

int Convert(const TraceFlags& flags) {
  const fs::path out(flags.out);
  const auto folder = ResultFolder::Open(out.has_parent_path() ? out.parent_path() : fs::path("."));
  if (!folder.ok()) {
    return ReportError(absl::FailedPreconditionError(
        fmt::format("cannot write '{}': name a file in a folder that can be written", flags.out)));
  }
  TraceConverter converter(flags.options);
  for (const std::string& argument : flags.files) {
    const auto [customer, path] = CustomerAndPath(argument);
    auto text = ReadFile(path, simulation::kLargestRecordingBytes, FileKind::kAnyStream);
    if (!text.ok()) return ReportError(text.status());
    std::istringstream file(*std::move(text));
    if (const absl::Status added = converter.Add(file, {flags.format, customer}); !added.ok()) {
      return ReportError(absl::InvalidArgumentError(fmt::format("{}: {}", path, std::string(added.message()))));
    }
  }
  const auto trace = converter.Finish();
  if (!trace.ok()) return ReportError(trace.status());
  const absl::Status written =
      folder->Write(out.filename().string(), [&](std::ostream& to) { simulation::WriteTrace(*trace, to); });
  if (!written.ok()) return ReportError(written);
  fmt::print("{}: {} requests of {} customers in {:.3f} s\n", flags.out, trace->records.size(), trace->customers.size(),
             ToSeconds(trace->records.back().time.time_since_epoch()));
  if (converter.empty() > 0) fmt::print("{} requests without a token are left out\n", converter.empty());
  if (converter.cut() > 0) {
    fmt::print("{} inputs are cut to {} tokens (--max-length)\n", converter.cut(), flags.options.max_length);
  }
  return program::kExitOk;
}

}  // namespace

Verb AddTrace(CLI::App& program) {
  auto flags = std::make_shared<TraceFlags>();
  CLI::App& verb = *program.add_subcommand("trace", "Convert published traces into traces that can be played");
  verb.require_subcommand(1);
  CLI::App& convert = *verb.add_subcommand("convert", "Write published traces as one trace, in the order of time");
  const std::map<std::string, TraceFormat> formats = {
      {"azure", TraceFormat::kAzure}, {"mooncake", TraceFormat::kMooncake}, {"burstgpt", TraceFormat::kBurstGpt}};
  convert.add_option("--from", flags->format, "Whose traces: CSV, but for mooncake's JSON lines")
      ->required()
      ->type_name("FORMAT:{azure,mooncake,burstgpt}")
      ->transform(CLI::CheckedTransformer(formats).description(""));
  convert.add_option("--out", flags->out, "The trace to write")->required()->type_name("FILE");
  convert.add_option("--max-length", flags->options.max_length, "Cut longer inputs to this length")
      ->check(CLI::Range(1, 10'000'000))
      ->capture_default_str();
  convert.add_option("files", flags->files, "FILE, or CUSTOMER=FILE for the customer that sent its requests")
      ->required()
      ->type_name("[CUSTOMER=]FILE");
  verb.footer(
      "A request becomes one sequence, as long as its input has tokens. Moments are counted from the first request of\n"
      "all files. Without CUSTOMER a request of burstgpt belongs to its model, any other to `default`.\n"
      "Examples:\n"
      "  loadgen trace convert --from azure --out azure.jsonl code=AzureLLMInferenceTrace_code.csv \\\n"
      "      conversation=AzureLLMInferenceTrace_conv.csv\n"
      "  loadgen trace convert --from mooncake --out mooncake.jsonl --max-length 20000 mooncake_trace.jsonl\n"
      "  loadgen simulate --trace-in azure.jsonl --strategies density,fcfs\n");
  return {&verb, [flags](const std::vector<std::string>&) { return Convert(*flags); }};
}

}  // namespace smartbatch::loadgen
