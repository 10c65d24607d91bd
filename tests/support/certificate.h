// A certificate made for a test: the repository holds no key, and none expires in it.
#pragma once

#include <string>

namespace smartbatch::testing {

struct Certificate {
  // Both in PEM format.
  std::string certificate;
  std::string key;
};

// A self-signed certificate for that name, valid for an hour. Throws std::runtime_error if OpenSSL fails.
Certificate MakeCertificate(const std::string& name);

// The same with other subject alternative names, as OpenSSL's configuration writes them (`DNS:a,URI:b`; empty: none),
// that ends this many seconds from now.
Certificate MakeCertificate(const std::string& name, const std::string& alternatives, int seconds = 3600);

}  // namespace smartbatch::testing
