// The configuration file of the proxy. An input that begins with `{` is JSON, any other is protobuf's text format. A
// valid configuration must run.
#include <string>

#include "services/proxy/config/config.h"
#include "services/proxy/config/config_changes.h"
#include "services/proxy/config/models.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

void RequireGoodError(const absl::Status& status) {
  Require(absl::IsInvalidArgument(status), "a wrong configuration is INVALID_ARGUMENT", status.ToString());
  RequireOneLine(std::string(status.message()));
}

// Runs a scheduler of this configuration, in front of backends that fail first and then answer.
void Run(const proxy::Config& config) {
  auto created = scheduling::Scheduler::Create(config.limits(), config.strategy(), nullptr);
  Require(created.ok(), "a valid configuration is one to start with", created.status().ToString());
  scheduling::Scheduler& scheduler = **created;
  for (const proxy::v1::BackendConfig& backend : config.settings.backends()) {
    scheduler.AddBackend(backend.address(), backend.slots(), config.cost());
  }
  for (const proxy::v1::CustomerConfig& customer : config.settings.customers()) {
    scheduler.ConfigureCustomer(customer.name(), proxy::PolicyOf(customer));
  }
  const proxy::v1::LimitsConfig& limits = config.settings.limits();
  const std::uint32_t lengths[] = {1, limits.max_sequence_length()};
  const std::span<const std::uint32_t> fitting(lengths, std::min(config.max_request_rows(), 2U));
  const std::string customers[] = {"default",
                                   config.settings.customers().empty() ? "other" : config.settings.customers(0).name()};
  scheduling::Effects effects;
  Time now = Time(std::chrono::hours(24));
  for (int round = 0; round < 30; ++round) {
    scheduler.Offer({customers[round % 2], fitting}, now, effects);
    const scheduling::Step step = scheduler.Next(now);
    if (const auto* const batch = std::get_if<scheduling::Batch>(&step)) {
      Require(batch->timeout > Duration::zero(), "a batch has time");
      const absl::Status status = round < 25 ? absl::UnavailableError("gone") : absl::OkStatus();
      now = Later(now, std::chrono::milliseconds(5));
      scheduler.Complete(batch->id, status, now, effects);
    } else if (const auto* const wait = std::get_if<scheduling::AskAgainAt>(&step)) {
      Require(wait->time > now, "it does not ask to be asked at once");
      if (wait->time == kNever) return;
      now = wait->time;
    }
    scheduler.Tick(now, effects);
  }
}

void Play(const std::string& text) {
  const proxy::ConfigFormat format = text.starts_with('{') ? proxy::ConfigFormat::kJson : proxy::ConfigFormat::kText;
  const proxy::Config before;
  proxy::Config config;
  if (const absl::Status status = proxy::ParseConfig(text, format, config); !status.ok()) {
    return RequireGoodError(status);
  }
  const std::vector<proxy::FieldChange> changes = proxy::Changes(before, config);
  if (const absl::Status status = config.Validate(); !status.ok()) return RequireGoodError(status);
  if (const absl::Status status = proxy::CheckCanChange(changes); !status.ok()) RequireGoodError(status);
  Require(proxy::Changes(config, config).empty(), "a configuration is the same as itself");
  for (const proxy::ModelChoice& model : proxy::ModelsOf(config)) Run(model.config);
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // Protobuf writes to standard error what it could not parse.
  static const bool silent = [] {
    google::protobuf::SetLogHandler(nullptr);
    return true;
  }();
  static_cast<void>(silent);
  smartbatch::fuzz::Play(smartbatch::fuzz::TextOf(data, size));
  return 0;
}
