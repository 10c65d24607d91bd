// The files that TLS is made of.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch::tls {

// Paths of files in PEM format; an empty path means no file.
struct TlsFiles {
  // The own certificate, followed by the intermediate certificates that vouch for it, and its key. Both or neither.
  std::string certificate;
  std::string key;
  // The authorities: the other side must present a certificate signed by one of them.
  std::string authorities;
};

// The contents of the files, in PEM format; empty for a file that is not given.
struct Material {
  std::string certificate;
  std::string key;
  std::string authorities;
  // When the own certificate becomes valid and when it expires; zero if there is none.
  std::chrono::system_clock::time_point valid_from;
  std::chrono::system_clock::time_point expires;

  bool SameTexts(const Material& other) const {
    return certificate == other.certificate && key == other.key && authorities == other.authorities;
  }
};

// Reads regular files of at most 4 MB each, without checking their contents. INVALID_ARGUMENT, naming the file, if a
// certificate or a key is given without the other or if a file cannot be read.
absl::StatusOr<Material> ReadFiles(const TlsFiles& files);

// Checks that TLS can be spoken with these contents: OpenSSL accepts every certificate of the chain, the key belongs to
// the first certificate, and that certificate is valid now. Fills in the times. INVALID_ARGUMENT names the file and the
// reason.
absl::Status Check(const TlsFiles& files, Material& material);

// Reads the files and checks them.
absl::Status CheckFiles(const TlsFiles& files);

// The same for a server's files, which need a certificate if authorities are given.
absl::Status CheckServerFiles(const TlsFiles& files);

}  // namespace smartbatch::tls
