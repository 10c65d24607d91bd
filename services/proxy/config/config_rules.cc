// What must hold between settings. The ranges of single settings are in config.proto.
#include <arpa/inet.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/string_view.h>
#include <absl/strings/strip.h>

#include "common/one_line.h"
#include "common/program/flags.h"
#include "common/program/logging.h"
#include "common/workload/customer_fields.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/models.h"
#include "services/proxy/config/settings/setting.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"

namespace smartbatch::proxy {
namespace {

// The flag that has set the field, or the field's path in the file.
std::string NameOf(const Config& config, const std::string& path) {
  const auto flag = config.flags.find(path);
  return flag == config.flags.end() ? path : flag->second;
}

absl::Status CheckAddress(const std::string& name, const std::string& text) {
  program::HostPort address;
  std::string error;
  if (program::ParseHostPort(text, address, error)) return absl::OkStatus();
  return absl::InvalidArgumentError(OneLine(absl::StrCat(name, ": ", error)));
}

absl::Status CheckAddresses(const Config& config) {
  const v1::ProxyConfig& settings = config.settings;
  if (auto status = CheckAddress(NameOf(config, "listen"), settings.listen()); !status.ok()) return status;
  if (auto status = CheckAddress(NameOf(config, "admin_listen"), settings.admin_listen()); !status.ok()) return status;
  if (auto status = CheckAddress(NameOf(config, "metrics_listen"), settings.metrics_listen()); !status.ok())
    return status;
  for (const v1::BackendConfig& backend : settings.backends()) {
    const std::string address = HostAndPortOf(backend);
    const absl::Status status = CheckAddress("a backend", std::string(absl::StripPrefix(address, "dns:///")));
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status CheckTraceEndpoint(const Config& config) {
  const std::string& endpoint = config.settings.trace_endpoint();
  if (endpoint.empty()) return absl::OkStatus();
  absl::string_view rest = endpoint;
  const bool has_scheme = absl::ConsumePrefix(&rest, "http://") || absl::ConsumePrefix(&rest, "https://");
  const bool is_printable = std::all_of(rest.begin(), rest.end(), absl::ascii_isgraph);
  if (has_scheme && !rest.empty() && rest.front() != '/' && rest.front() != ':' && is_printable) {
    return absl::OkStatus();
  }
  return Wrong(NameOf(config, "trace_endpoint"), program::Quoted(endpoint),
               "give the URL at which a Collector takes traces, such as http://127.0.0.1:4318/v1/traces");
}

absl::Status CheckModel(const Config& config) {
  const std::string model = config.model();
  for (const v1::BackendConfig& backend : config.settings.backends()) {
    if (backend.address().starts_with("oip://") && ModelOf(backend).empty()) {
      return Wrong("a backend", backend.address(), "write oip://host:port/MODEL");
    }
    if (ModelOf(backend) != model) {
      return Wrong("a backend", backend.address(),
                   "all backends must speak one protocol and serve one model, and the first one is " +
                       config.settings.backends(0).address());
    }
  }
  return absl::OkStatus();
}

absl::Status CheckOpenInference(const Config& config) {
  const v1::OpenInferenceConfig& settings = config.settings.open_inference();
  if (settings.trimmed_outputs_size() > 0 && settings.padded_inputs_size() == 0) {
    return Wrong("open_inference.trimmed_outputs", absl::StrJoin(settings.trimmed_outputs(), ","),
                 "these outputs are cut back to the length of the padded inputs: name the inputs in padded_inputs "
                 "(--pad-input)");
  }
  if (config.model().empty()) return absl::OkStatus();
  // Each padded input of a batch is as long as its longest row, and these may come from different requests.
  constexpr std::uint64_t kLargestBatch = std::uint64_t{1} << 31;  // no message is larger
  const auto padded = static_cast<std::uint64_t>(settings.padded_inputs_size());
  const std::uint64_t batch = settings.max_request_bytes() * config.settings.limits().max_batch_size() * (padded + 1);
  if (batch >= kLargestBatch) {
    return Wrong("the largest batch", absl::StrCat(batch, " bytes"),
                 "max-batch-size times open_inference.max_request_bytes, and that again for each padded input, must be "
                 "below 2147483648: lower one of them");
  }
  const std::uint64_t receive = config.settings.connections().max_receive_bytes();
  const std::uint64_t least = 2 * settings.max_request_bytes();
  if (receive >= least) return absl::OkStatus();
  return Wrong("connections.max_receive_bytes", absl::StrCat(receive),
               absl::StrCat("it must be at least ", least,
                            ", twice the largest request: raise it, or lower open_inference.max_request_bytes"));
}

absl::Status CheckStrategyAndCost(const Config& config) {
  if (auto choice = scheduling::CheckChoice(config.strategy()); !choice.ok()) {
    return absl::InvalidArgumentError(OneLine(std::string(choice.status().message())));
  }
  // The cost of all that waits is added up in nanoseconds.
  constexpr double kLongestBatchSeconds = 1e6;
  const v1::LimitsConfig& limits = config.settings.limits();
  const double longest = config.cost().Seconds(limits.max_batch_size(), limits.max_sequence_length());
  if (longest <= kLongestBatchSeconds) return absl::OkStatus();
  return Wrong("the cost of the largest batch", absl::StrCat(longest, " seconds"),
               "it must be at most 1000000: lower the terms cost-*, max-batch-size or max-sequence-length");
}

absl::Status CheckCustomers(const Config& config) {
  std::set<std::string> names;
  for (const v1::CustomerConfig& customer : config.settings.customers()) {
    if (customer.name().empty()) return Wrong("a customer's name", "empty", "give the name that its calls carry");
    if (!workload::IsCustomerName(customer.name())) {
      return Wrong("a customer's name", program::Quoted(customer.name()),
                   "no call can carry it; give 1 to 64 of letters, digits, '.', '_' and '-'");
    }
    if (!names.insert(customer.name()).second) {
      return Wrong("a customer's name", customer.name() + " for the second time", "put its settings into one entry");
    }
    if (customer.certificate_names_size() > 0 && config.settings.tls().client_ca().empty()) {
      return Wrong(absl::StrCat("customers[", customer.name(), "].certificate_names"),
                   absl::StrJoin(customer.certificate_names(), ","),
                   "they need --tls-client-ca (tls.client_ca), so that callers show certificates");
    }
  }
  return absl::OkStatus();
}

bool IsLoopback(const std::string& host) {
  in_addr address{};
  constexpr std::uint32_t kLoopbackNetwork = 127;
  return host == "localhost" || host == "[::1]" ||
         (inet_pton(AF_INET, host.c_str(), &address) == 1 && ntohl(address.s_addr) >> 24 == kLoopbackNetwork);
}

absl::Status CheckTls(const Config& config) {
  const v1::ProxyConfig& settings = config.settings;
  const v1::TlsConfig& tls = settings.tls();
  if (tls.admin_client_names_size() > 0 && tls.admin_client_ca().empty()) {
    return Wrong(NameOf(config, "tls.admin_client_names"), absl::StrJoin(tls.admin_client_names(), ","),
                 "they need --admin-client-ca, so that operators show certificates");
  }
  if (tls.bound_customers_only() && tls.client_ca().empty()) {
    return Wrong("tls.bound_customers_only", "true", "it needs --tls-client-ca, so that customers show certificates");
  }
  if (!tls.backend_server_name().empty() && tls.backend_ca().empty()) {
    return Wrong(NameOf(config, "tls.backend_server_name"), tls.backend_server_name(), "it needs --backend-ca");
  }
  // Whoever reaches the admin port can control the proxy: beyond this machine the port must be protected.
  const std::string host = settings.admin_listen().substr(0, settings.admin_listen().rfind(':'));
  if (IsLoopback(host) || !tls.admin_client_ca().empty() || !settings.admin_token_file().empty()) {
    return absl::OkStatus();
  }
  return Wrong(NameOf(config, "admin_listen"), settings.admin_listen(),
               "beyond loopback anybody could control the proxy: ask for certificates with --admin-client-ca or for a "
               "token with --admin-token-file, or listen on 127.0.0.1");
}

// Twice the largest request, because connections take a part of the limit.
absl::Status CheckLargestRequest(const Config& config) {
  constexpr std::uint64_t kBytesPerCharacter = 4;
  if (!config.model().empty()) return absl::OkStatus();  // see CheckOpenInference
  const v1::ProxyConfig& settings = config.settings;
  const std::uint64_t largest =
      std::uint64_t{config.max_request_rows()} * settings.limits().max_sequence_length() * kBytesPerCharacter;
  if (settings.connections().max_receive_bytes() >= 2 * largest) return absl::OkStatus();
  return Wrong("connections.max_receive_bytes", absl::StrCat(settings.connections().max_receive_bytes()),
               absl::StrCat("it must be at least ", 2 * largest, ", twice the largest request: raise it, or lower ",
                            settings.limits().max_request_rows() == 0 ? "max-batch-size" : "max-request-rows",
                            " or max-sequence-length"));
}

}  // namespace

absl::Status Config::Validate() const {
  const auto name_of = [this](const std::string& path) { return NameOf(*this, path); };
  if (auto status = CheckRanges(settings, name_of); !status.ok()) return status;
  if (settings.backends().empty()) {
    return Wrong("the list of backends", "empty", "give at least one (--backend host:port)");
  }
  if (auto status = CheckAddresses(*this); !status.ok()) return status;
  if (auto status = CheckTraceEndpoint(*this); !status.ok()) return status;
  if (auto status = CheckModel(*this); !status.ok()) return status;
  if (auto status = CheckOpenInference(*this); !status.ok()) return status;
  if (auto status = CheckStrategyAndCost(*this); !status.ok()) return status;
  if (auto status = CheckCustomers(*this); !status.ok()) return status;
  if (auto status = CheckTls(*this); !status.ok()) return status;
  if (auto status = CheckLargestRequest(*this); !status.ok()) return status;
  if (auto status = CheckDevices(*this); !status.ok()) return status;
  return CheckModels(*this);
}

}  // namespace smartbatch::proxy
