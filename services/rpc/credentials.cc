#include "services/rpc/credentials.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <grpcpp/security/auth_context.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace smartbatch::rpc {
namespace {

using grpc::experimental::FileWatcherCertificateProvider;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

// A server has nobody to ask: without this OpenSSL would ask on the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Status Unusable(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", path, "' cannot be read or holds no ", what, "; name a file in PEM format"));
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& path) {
  const Bio file(BIO_new_file(path.c_str(), "r"), BIO_free);
  Certificate certificate(file ? PEM_read_bio_X509(file.get(), nullptr, NoPassword, nullptr) : nullptr, X509_free);
  if (!certificate) return Unusable(path, "certificate");
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    return absl::InvalidArgumentError(absl::StrCat("the certificate in '", path, "' has expired; put a new one there"));
  }
  return certificate;
}

absl::Status CheckPair(const TlsFiles& files) {
  if (files.certificate.empty() && files.key.empty()) return absl::OkStatus();
  if (files.certificate.empty() || files.key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", files.certificate, files.key, "' is alone; a certificate and its key go together"));
  }
  const auto certificate = ReadCertificate(files.certificate);
  if (!certificate.ok()) return certificate.status();
  const Bio file(BIO_new_file(files.key.c_str(), "r"), BIO_free);
  const Key key(file ? PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassword, nullptr) : nullptr, EVP_PKEY_free);
  if (!key) return Unusable(files.key, "private key without a password");
  if (X509_check_private_key(certificate->get(), key.get()) == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the key in '", files.key, "' is not that of the certificate in '",
                                                 files.certificate, "'; give the two that belong together"));
}

absl::Status Check(const TlsFiles& files) {
  if (auto status = CheckPair(files); !status.ok()) return status;
  if (files.authorities.empty()) return absl::OkStatus();
  return ReadCertificate(files.authorities).status();
}

std::shared_ptr<FileWatcherCertificateProvider> Watch(const TlsFiles& files) {
  return std::make_shared<FileWatcherCertificateProvider>(files.key, files.certificate, files.authorities,
                                                          static_cast<unsigned>(kCertificateRefresh.count()));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const TlsFiles& files) {
  if (auto status = Check(files); !status.ok()) return status;
  if (files.certificate.empty()) {
    if (files.authorities.empty()) return grpc::InsecureServerCredentials();
    return absl::InvalidArgumentError(absl::StrCat("'", files.authorities, "' is to vouch for clients, but without a ",
                                                   "certificate of its own the server speaks no TLS; give one"));
  }
  grpc::experimental::TlsServerCredentialsOptions options(Watch(files));
  options.watch_identity_key_cert_pairs();
  if (!files.authorities.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc::experimental::TlsServerCredentials(options);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const TlsFiles& files) {
  if (files.authorities.empty()) return grpc::InsecureChannelCredentials();
  if (auto status = Check(files); !status.ok()) return status;
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(Watch(files));
  options.watch_root_certs();
  if (!files.certificate.empty()) options.watch_identity_key_cert_pairs();
  return grpc::experimental::TlsCredentials(options);
}

std::vector<std::string> PeerNames(const grpc::ServerContextBase& context) {
  std::vector<std::string> names;
  const auto peer = context.auth_context();
  if (!peer || !peer->IsPeerAuthenticated()) return names;
  for (const grpc::string_ref& name : peer->GetPeerIdentity()) names.emplace_back(name.data(), name.size());
  return names;
}

}  // namespace smartbatch::rpc
