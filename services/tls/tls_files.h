// The files that TLS is made of.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace smartbatch::tls {

// Paths of files in PEM format; an empty one stands for none.
struct TlsFiles {
  // The own certificate, before those that vouch for it, and its key. Both or neither.
  std::string certificate;
  std::string key;
  // Whose certificates the other side must show one of.
  std::string authorities;
};

// INVALID_ARGUMENT names the file that is alone, cannot be read, has expired or does not belong to the key.
absl::Status CheckFiles(const TlsFiles& files);

// The same of a server's files, which need a certificate where there are authorities.
absl::Status CheckServerFiles(const TlsFiles& files);

}  // namespace smartbatch::tls
