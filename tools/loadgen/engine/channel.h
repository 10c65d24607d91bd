// How the load generator reaches a server: address, TLS, and what goes with every call.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

struct TlsOptions {
  bool enabled = false;
  // Files in PEM format. Without `ca` the system's authorities are trusted; certificate and key go together.
  std::string ca;
  std::string certificate;
  std::string key;
  // The name that the server's certificate must bear; empty: that of the address.
  std::string server_name;
};

// INVALID_ARGUMENT names the file that cannot be read or the option that is missing.
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsOptions& options);

// Parses `NAME=VALUE`: a lower-case name and a printable value. INVALID_ARGUMENT says what is wrong.
absl::StatusOr<std::pair<std::string, std::string>> ParseMetadata(const std::string& text);

// Returns what the file holds, without the white space around it. INVALID_ARGUMENT if it cannot be read, is empty or
// holds what a header may not contain.
absl::StatusOr<std::string> ReadToken(const std::string& path);

// A server's address with what is needed to talk to it. Copyable.
struct Server {
  std::string target;
  std::shared_ptr<grpc::ChannelCredentials> credentials = grpc::InsecureChannelCredentials();
  bool speaks_tls = false;
  // Overrides the name that is checked; empty: that of the address.
  std::string tls_server_name = {};
  std::vector<std::pair<std::string, std::string>> metadata = {};
};

// A channel with a connection of its own; retries are off.
std::shared_ptr<grpc::Channel> MakeChannel(const Server& server);
void AddMetadata(const Server& server, grpc::ClientContext& context);

}  // namespace smartbatch::loadgen
