#include "services/rpc/credentials.h"

#include <utility>

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "absl/status/status.h"
#include "services/rpc/checked_certificates.h"

namespace smartbatch::rpc {
namespace {

// Keeps credentials and the certificates that they use alive together. `credentials` must use `certificates`.
template <class Credentials>
std::shared_ptr<Credentials> Together(std::unique_ptr<CheckedCertificates> certificates,
                                      std::shared_ptr<Credentials> credentials) {
  struct Pair {
    std::unique_ptr<CheckedCertificates> certificates;
    std::shared_ptr<Credentials> credentials;
  };
  auto pair = std::make_shared<Pair>(Pair{std::move(certificates), std::move(credentials)});
  return {pair, pair->credentials.get()};
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const tls::TlsFiles& files) {
  if (auto status = tls::CheckServerFiles(files); !status.ok()) return status;
  if (files.certificate.empty()) return grpc::InsecureServerCredentials();
  auto certificates = CheckedCertificates::Start(files);
  if (!certificates.ok()) return certificates.status();
  grpc::experimental::TlsServerCredentialsOptions options((*certificates)->provider());
  options.watch_identity_key_cert_pairs();
  if (!files.authorities.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return Together(*std::move(certificates), grpc::experimental::TlsServerCredentials(options));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const tls::TlsFiles& files) {
  if (files.authorities.empty()) return grpc::InsecureChannelCredentials();
  auto certificates = CheckedCertificates::Start(files);
  if (!certificates.ok()) return certificates.status();
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider((*certificates)->provider());
  options.watch_root_certs();
  if (!files.certificate.empty()) options.watch_identity_key_cert_pairs();
  return Together(*std::move(certificates), grpc::experimental::TlsCredentials(options));
}

std::vector<std::string> PeerNames(const grpc::ServerContextBase& context) {
  std::vector<std::string> names;
  const auto peer = context.auth_context();
  if (!peer || !peer->IsPeerAuthenticated()) return names;
  for (const grpc::string_ref& name : peer->GetPeerIdentity()) names.emplace_back(name.data(), name.size());
  return names;
}

}  // namespace smartbatch::rpc
