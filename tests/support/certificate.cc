#include "tests/support/certificate.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <stdexcept>

namespace smartbatch::testing {
namespace {

void Check(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL could not make a certificate");
}

template <class Write>
std::string Pem(const Write& write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  Check(bio && write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Certificate MakeCertificate(const std::string& name, const std::string& alternatives, int seconds) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(X509_new(), X509_free);
  Check(key && certificate);
  X509* const x509 = certificate.get();
  Check(X509_set_version(x509, X509_VERSION_3) == 1);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x509), seconds);
  X509_NAME* const subject = X509_get_subject_name(x509);
  Check(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name.c_str()),
                                   -1, -1, 0) == 1);
  Check(X509_set_issuer_name(x509, subject) == 1 && X509_set_pubkey(x509, key.get()) == 1);
  if (!alternatives.empty()) {
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, alternatives.c_str()), X509_EXTENSION_free);
    Check(extension && X509_add_ext(x509, extension.get(), -1) == 1);
  }
  Check(X509_sign(x509, key.get(), EVP_sha256()) > 0);
  return {Pem([&](BIO* bio) { return PEM_write_bio_X509(bio, x509); }), Pem([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
          })};
}

Certificate MakeCertificate(const std::string& name) { return MakeCertificate(name, "DNS:" + name); }

}  // namespace smartbatch::testing
