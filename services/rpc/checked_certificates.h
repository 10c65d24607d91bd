// The certificates that gRPC is given.
#pragma once

#include <memory>

#include <grpcpp/security/tls_certificate_provider.h>

#include "absl/status/statusor.h"
#include "services/tls/certificate_watch.h"
#include "services/tls/tls_files.h"

namespace smartbatch::rpc {

// gRPC 1.51's file watcher ends the program over an empty file, and ends every handshake over a pair that does not
// match. So it watches files in memory, into which only what was checked is put, for as long as this lives; what gRPC
// has of it goes on with the last certificates. Thread safe.
class CheckedCertificates {
 public:
  // INVALID_ARGUMENT as tls::CheckFiles; INTERNAL when the system has no room for files in memory.
  static absl::StatusOr<std::unique_ptr<CheckedCertificates>> Start(const tls::TlsFiles& files);

  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider() const { return provider_; }

 private:
  CheckedCertificates() = default;
  absl::Status Put(const tls::Material& material);

  // Files in memory; never closed, see Put.
  int pair_ = -1;
  int authorities_ = -1;
  long generation_ = 0;
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;
  std::unique_ptr<tls::CertificateWatch> watch_;
};

}  // namespace smartbatch::rpc
