// A certificate made for a test: no key lies in the repository, and none expires there.
#pragma once

#include <string>

namespace smartbatch::loadgen {

struct Certificate {
  // Both in PEM format.
  std::string certificate;
  std::string key;
};

// Signed by itself, for that name, good for an hour. Throws std::runtime_error where OpenSSL fails.
Certificate MakeCertificate(const std::string& name);

}  // namespace smartbatch::loadgen
