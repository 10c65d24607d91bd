// The files that TLS is made of.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch::tls {

// Paths of files in PEM format; an empty one stands for none.
struct TlsFiles {
  // The own certificate, before those that vouch for it, and its key. Both or neither.
  std::string certificate;
  std::string key;
  // Whose certificates the other side must show one of.
  std::string authorities;
};

// What the files hold, in PEM format; empty for a file that is not named.
struct Material {
  std::string certificate;
  std::string key;
  std::string authorities;
  // When the own certificate becomes valid and when it expires; zero without one.
  std::chrono::system_clock::time_point valid_from;
  std::chrono::system_clock::time_point expires;

  bool SameTexts(const Material& other) const {
    return certificate == other.certificate && key == other.key && authorities == other.authorities;
  }
};

// Reads regular files of at most 4 MB each and checks nothing. INVALID_ARGUMENT names the file that is alone or cannot
// be read.
absl::StatusOr<Material> ReadFiles(const TlsFiles& files);

// Whether TLS can be spoken with these texts: OpenSSL takes every certificate of the chain, the key belongs to the
// first, and that one is valid now. Fills in the times. INVALID_ARGUMENT names the file and the reason.
absl::Status Check(const TlsFiles& files, Material& material);

// Reads and checks.
absl::Status CheckFiles(const TlsFiles& files);

// The same of a server's files, which need a certificate where there are authorities.
absl::Status CheckServerFiles(const TlsFiles& files);

}  // namespace smartbatch::tls
