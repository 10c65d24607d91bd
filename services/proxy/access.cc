#include "services/proxy/access.h"

#include <set>
#include <string>

#include <spdlog/spdlog.h>

#include "services/rpc/bearer_token.h"
#include "services/rpc/credentials.h"

namespace smartbatch::proxy {

absl::StatusOr<Access> AccessOf(const Config& config) {
  const TlsChoice& choice = config.tls;
  auto customers = rpc::MakeServerCredentials({choice.certificate, choice.key, choice.client_ca});
  if (!customers.ok()) return customers.status();
  auto operators = rpc::MakeServerCredentials({choice.certificate, choice.key, choice.admin_client_ca});
  if (!operators.ok()) return operators.status();
  auto backends = rpc::MakeChannelCredentials({choice.certificate, choice.key, choice.backend_ca});
  if (!backends.ok()) return backends.status();
  if (auto status = tls::CheckServerFiles(choice.metrics); !status.ok()) return status;
  if (!config.admin_token_file.empty()) {
    if (const auto token = rpc::ReadToken(config.admin_token_file); !token.ok()) return token.status();
    if (choice.certificate.empty())
      spdlog::warn("admin: without --tls-cert the token goes over the network in the clear");
  }
  const std::set<std::string> names(choice.admin_client_names.begin(), choice.admin_client_names.end());
  return Access{{*std::move(customers), config.connections},
                {*std::move(operators), config.connections},
                {*std::move(backends), choice.backend_server_name},
                {config.admin_token_file, names}};
}

transport::CustomerRights::Bindings BindingsOf(const Config& config) {
  transport::CustomerRights::Bindings bindings{.certificate_names = {}, .only_bound = config.tls.bound_customers_only};
  for (const CustomerChoice& customer : config.customers) {
    if (customer.certificate_names.empty()) continue;
    bindings.certificate_names[customer.name] = {customer.certificate_names.begin(), customer.certificate_names.end()};
  }
  return bindings;
}

}  // namespace smartbatch::proxy
