// The certificates that gRPC is given, checked beforehand.
#pragma once

#include <memory>

#include <grpcpp/security/tls_certificate_provider.h>

#include "absl/status/statusor.h"
#include "services/tls/certificate_watch.h"
#include "services/tls/tls_files.h"

namespace smartbatch::rpc {

// Gives gRPC only certificates that were checked. gRPC 1.51's file watcher aborts the program if a file is empty, and
// fails every handshake if certificate and key do not match. So gRPC watches files in memory, into which only checked
// certificates are written for as long as this object lives. Afterwards gRPC keeps using the last ones. Thread safe.
class CheckedCertificates {
 public:
  // INVALID_ARGUMENT as tls::CheckFiles; INTERNAL if the system has no room for files in memory.
  static absl::StatusOr<std::unique_ptr<CheckedCertificates>> Start(const tls::TlsFiles& files);

  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider() const { return provider_; }

 private:
  CheckedCertificates() = default;
  absl::Status Put(const tls::Material& material);

  // Descriptors of files in memory; never closed, see Put.
  int pair_ = -1;
  int authorities_ = -1;
  long generation_ = 0;
  std::shared_ptr<grpc::experimental::CertificateProviderInterface> provider_;
  std::unique_ptr<tls::CertificateWatch> watch_;
};

}  // namespace smartbatch::rpc
