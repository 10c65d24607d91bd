// TLS for servers and clients, from files that are read again while the program runs.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>

#include "absl/status/statusor.h"
#include "services/tls/tls_files.h"

namespace smartbatch::rpc {

// After how long files that were replaced are in use. New connections use what was last found right (tls::Check), open
// ones keep what they began with: as long as the files are empty, half written, expired or do not belong together,
// those before hold.
inline constexpr std::chrono::seconds kCertificateRefresh{2};

// TLS with the certificate; with `authorities` every client must show a certificate of theirs. Without a certificate
// no TLS. INVALID_ARGUMENT as tls::CheckServerFiles. The files are watched for as long as the result lives.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const tls::TlsFiles& files);

// TLS to a server that must show a certificate of the authorities for the name it is called by; shows the own
// certificate where there is one. Without authorities no TLS. INVALID_ARGUMENT as tls::CheckFiles. The files are
// watched for as long as the result lives, whatever channels are made of it.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const tls::TlsFiles& files);

// The names in the certificate that the caller has shown and that was verified: its subject alternative names (DNS,
// URI, mail, IP), or without any its common name. Empty where it showed none.
std::vector<std::string> PeerNames(const grpc::ServerContextBase& context);

}  // namespace smartbatch::rpc
