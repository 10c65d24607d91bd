#include "services/tls/tls_files.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace smartbatch::tls {
namespace {

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
  if (X509_cmp_current_time(X509_get0_notAfter(certificate->get())) < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate in '", files.certificate, "' has expired; put a new one there"));
  }
  const Bio file(BIO_new_file(files.key.c_str(), "r"), BIO_free);
  const Key key(file ? PEM_read_bio_PrivateKey(file.get(), nullptr, NoPassword, nullptr) : nullptr, EVP_PKEY_free);
  if (!key) return Unusable(files.key, "private key without a password");
  if (X509_check_private_key(certificate->get(), key.get()) == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the key in '", files.key, "' is not that of the certificate in '",
                                                 files.certificate, "'; give the two that belong together"));
}

}  // namespace

absl::Status CheckFiles(const TlsFiles& files) {
  if (auto status = CheckPair(files); !status.ok()) return status;
  if (files.authorities.empty()) return absl::OkStatus();
  return ReadCertificate(files.authorities).status();
}

absl::Status CheckServerFiles(const TlsFiles& files) {
  if (auto status = CheckFiles(files); !status.ok()) return status;
  if (!files.certificate.empty() || files.authorities.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", files.authorities, "' is to vouch for clients, but without a ",
                                                 "certificate of its own the server speaks no TLS; give one"));
}

}  // namespace smartbatch::tls
