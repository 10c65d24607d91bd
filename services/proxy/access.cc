#include "services/proxy/access.h"

#include <set>
#include <string>

#include <spdlog/spdlog.h>

#include "services/rpc/bearer_token.h"
#include "services/rpc/credentials.h"

namespace smartbatch::proxy {

absl::StatusOr<Access> AccessOf(const Config& config) {
  const v1::ProxyConfig& settings = config.settings;
  const v1::TlsConfig& tls = settings.tls();
  auto customers = rpc::MakeServerCredentials({tls.certificate(), tls.key(), tls.client_ca()});
  if (!customers.ok()) return customers.status();
  auto operators = rpc::MakeServerCredentials({tls.certificate(), tls.key(), tls.admin_client_ca()});
  if (!operators.ok()) return operators.status();
  auto backends = rpc::MakeChannelCredentials({tls.certificate(), tls.key(), tls.backend_ca()});
  if (!backends.ok()) return backends.status();
  if (auto status = tls::CheckServerFiles(config.metrics_tls()); !status.ok()) return status;
  if (!settings.admin_token_file().empty()) {
    if (const auto token = rpc::ReadToken(settings.admin_token_file()); !token.ok()) return token.status();
    if (tls.certificate().empty())
      spdlog::warn("admin: without --tls-cert the token goes over the network unencrypted");
  }
  const std::set<std::string> names(tls.admin_client_names().begin(), tls.admin_client_names().end());
  return Access{{*std::move(customers), config.connections()},
                {*std::move(operators), config.connections()},
                {*std::move(backends), tls.backend_server_name()},
                {settings.admin_token_file(), names}};
}

transport::CustomerRights::Bindings BindingsOf(const Config& config) {
  transport::CustomerRights::Bindings bindings{.certificate_names = {},
                                               .only_bound = config.settings.tls().bound_customers_only()};
  for (const v1::CustomerConfig& customer : config.settings.customers()) {
    if (customer.certificate_names().empty()) continue;
    bindings.certificate_names[customer.name()] = {customer.certificate_names().begin(),
                                                   customer.certificate_names().end()};
  }
  return bindings;
}

}  // namespace smartbatch::proxy
