#include "services/tls/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace smartbatch::tls {
namespace {

using std::chrono::system_clock;

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

constexpr std::size_t kLargestFileBytes = 4'000'000;

// Gives no password. Without this function OpenSSL would ask for one on the terminal.
int NoPassword(char*, int, int, void*) { return -1; }

absl::Status HoldsNo(const std::string& path, const char* what) {
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' holds no ", what, "; name a file in PEM format"));
}

// The error that names the file and OpenSSL's last reason.
absl::Status Unusable(const std::string& path) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("'", path, "' cannot be used (",
                                                 reason == nullptr ? "OpenSSL" : reason,
                                                 "); name a whole file in PEM format with keys that are long enough"));
}

Bio BioOf(const std::string& text) { return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free}; }

// The certificates in the text: at least one, else an error.
absl::StatusOr<std::vector<Certificate>> Certificates(const std::string& path, const std::string& text) {
  ERR_clear_error();
  const Bio bio = BioOf(text);
  std::vector<Certificate> certificates;
  while (X509* const certificate = PEM_read_bio_X509(bio.get(), nullptr, NoPassword, nullptr)) {
    certificates.emplace_back(certificate, X509_free);
  }
  const unsigned long end = ERR_peek_last_error();
  const bool at_the_end = ERR_GET_LIB(end) == ERR_LIB_PEM && ERR_GET_REASON(end) == PEM_R_NO_START_LINE;
  if (!at_the_end) return Unusable(path);
  ERR_clear_error();
  if (certificates.empty()) return HoldsNo(path, "certificate");
  return certificates;
}

system_clock::time_point TimeOf(const ASN1_TIME* time) {
  std::tm fields{};
  ASN1_TIME_to_tm(time, &fields);
  return system_clock::from_time_t(timegm(&fields));
}

absl::Status CheckTimes(const std::string& path, const Material& material) {
  const system_clock::time_point now = system_clock::now();
  if (material.expires < now) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate in '", path, "' has expired; replace it by a new one"));
  }
  if (material.valid_from > now) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate in '", path, "' is not valid yet; replace it by a valid one, or set the clock"));
  }
  return absl::OkStatus();
}

absl::Status CheckPair(const TlsFiles& files, Material& material) {
  auto chain = Certificates(files.certificate, material.certificate);
  if (!chain.ok()) return chain.status();
  X509* const own = chain->front().get();
  material.valid_from = TimeOf(X509_get0_notBefore(own));
  material.expires = TimeOf(X509_get0_notAfter(own));
  if (auto status = CheckTimes(files.certificate, material); !status.ok()) return status;
  const Key key(PEM_read_bio_PrivateKey(BioOf(material.key).get(), nullptr, NoPassword, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) return HoldsNo(files.key, "private key without a password");
  if (X509_check_private_key(own, key.get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("the key in '", files.key, "' does not match the certificate in '",
                                                   files.certificate,
                                                   "'; give a key and certificate that belong together"));
  }
  // OpenSSL refuses some keys only when they are to be used, such as keys that are too short.
  const Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  if (!context || SSL_CTX_use_certificate(context.get(), own) != 1) return Unusable(files.certificate);
  for (std::size_t i = 1; i < chain->size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context.get(), (*chain)[i].get()) != 1) return Unusable(files.certificate);
  }
  return SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1 ? absl::OkStatus() : Unusable(files.key);
}

absl::Status ReadInto(const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  auto read = ReadFile(path, kLargestFileBytes);
  if (!read.ok()) return read.status();
  text = *std::move(read);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Material> ReadFiles(const TlsFiles& files) {
  if (files.certificate.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", files.certificate, files.key, "' is given alone; give both a certificate and its key"));
  }
  Material material;
  if (auto status = ReadInto(files.certificate, material.certificate); !status.ok()) return status;
  if (auto status = ReadInto(files.key, material.key); !status.ok()) return status;
  if (auto status = ReadInto(files.authorities, material.authorities); !status.ok()) return status;
  return material;
}

absl::Status Check(const TlsFiles& files, Material& material) {
  if (!files.certificate.empty()) {
    if (auto status = CheckPair(files, material); !status.ok()) return status;
  }
  if (files.authorities.empty()) return absl::OkStatus();
  return Certificates(files.authorities, material.authorities).status();
}

absl::Status CheckFiles(const TlsFiles& files) {
  auto material = ReadFiles(files);
  return material.ok() ? Check(files, *material) : material.status();
}

absl::Status CheckServerFiles(const TlsFiles& files) {
  if (auto status = CheckFiles(files); !status.ok()) return status;
  if (!files.certificate.empty() || files.authorities.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", files.authorities,
                                                 "' is given to verify clients, but the server ",
                                                 "speaks no TLS without a certificate of its own; give one"));
}

}  // namespace smartbatch::tls
