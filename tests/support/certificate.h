// A certificate made for a test: no key lies in the repository, and none expires there.
#pragma once

#include <string>

namespace smartbatch::testing {

struct Certificate {
  // Both in PEM format.
  std::string certificate;
  std::string key;
};

// Signed by itself, for that name, good for an hour. Throws std::runtime_error where OpenSSL fails.
Certificate MakeCertificate(const std::string& name);

// The same with other subject alternative names, as OpenSSL's configuration writes them (`DNS:a,URI:b`; empty: none),
// that ends so many seconds from now.
Certificate MakeCertificate(const std::string& name, const std::string& alternatives, int seconds = 3600);

}  // namespace smartbatch::testing
