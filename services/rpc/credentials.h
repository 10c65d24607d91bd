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

// The time after which replaced files are in use. New connections use the files that were last found right
// (tls::Check); open connections keep those they began with. While the files are empty, half written, expired or do not
// belong together, the previous ones stay in use.
inline constexpr std::chrono::seconds kCertificateRefresh{2};

// TLS with the certificate. If `authorities` are given, every client must present a certificate signed by them. Without
// a certificate there is no TLS. INVALID_ARGUMENT as tls::CheckServerFiles. The files are watched while the result
// lives.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const tls::TlsFiles& files);

// TLS to a server that must present a certificate, signed by the authorities, for the name that it is called by. The
// client presents its own certificate if one is given. Without authorities there is no TLS. INVALID_ARGUMENT as
// tls::CheckFiles. The files are watched while the result lives, whatever channels are made of it.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const tls::TlsFiles& files);

// The names in the caller's verified certificate: its subject alternative names (DNS, URI, mail, IP) or, if it has
// none, its common name. Empty if the caller presented no certificate.
std::vector<std::string> PeerNames(const grpc::ServerContextBase& context);

}  // namespace smartbatch::rpc
