#include "tools/loadgen/engine/channel.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"

namespace smartbatch::loadgen {
namespace {

constexpr std::size_t kLargestSecretBytes = 4'000'000;

absl::StatusOr<std::string> ReadFileOf(const char* flag, const std::string& path) {
  auto text = ReadFile(path, kLargestSecretBytes, FileKind::kAnyStream);
  if (text.ok()) return text;
  return absl::InvalidArgumentError(absl::StrCat(flag, ": ", text.status().message()));
}

absl::Status ReadPem(const char* flag, const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  auto read = ReadFileOf(flag, path);
  if (!read.ok()) return read.status();
  text = *std::move(read);
  if (text.find("-----BEGIN") != std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(flag, " '", path, "' is not in PEM format: name a file that begins -----BEGIN"));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeCredentials(const TlsOptions& options) {
  if (!options.enabled) {
    for (const auto& [flag, value] :
         {std::pair("--ca", &options.ca), std::pair("--cert", &options.certificate), std::pair("--key", &options.key),
          std::pair("--server-name", &options.server_name)}) {
      if (!value->empty())
        return absl::InvalidArgumentError(absl::StrCat(flag, " means nothing without --tls: add it"));
    }
    return grpc::InsecureChannelCredentials();
  }
  if (options.certificate.empty() != options.key.empty()) {
    return absl::InvalidArgumentError(
        "--cert and --key go together: give both, or neither if the server asks for "
        "no client's certificate");
  }
  grpc::SslCredentialsOptions ssl;
  for (const absl::Status& status :
       {ReadPem("--ca", options.ca, ssl.pem_root_certs), ReadPem("--cert", options.certificate, ssl.pem_cert_chain),
        ReadPem("--key", options.key, ssl.pem_private_key)}) {
    if (!status.ok()) return status;
  }
  return grpc::SslCredentials(ssl);
}

absl::StatusOr<std::pair<std::string, std::string>> ParseMetadata(const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
  const bool name_is_right = !name.empty() && name.find_first_not_of(kLetters) == std::string::npos &&
                             !name.starts_with("grpc-") && !name.ends_with("-bin");
  if (equals == std::string::npos || !name_is_right) {
    return absl::InvalidArgumentError(
        absl::StrCat("--metadata '", text,
                     "' is not NAME=VALUE with a name of lower-case letters, digits, '-', '_' "
                     "and '.' that neither begins with grpc- nor ends in -bin"));
  }
  const std::string value = text.substr(equals + 1);
  const bool printable = std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (!printable) {
    return absl::InvalidArgumentError(absl::StrCat("--metadata '", text, "': the value may hold printable ASCII only"));
  }
  return std::pair(name, value);
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const auto text = ReadFileOf("--token-file", path);
  if (!text.ok()) return text.status();
  const std::string token(absl::StripAsciiWhitespace(*text));
  const bool printable = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!token.empty() && printable) return token;
  return absl::InvalidArgumentError(
      absl::StrCat("--token-file '", path, "' holds no token: name a file with the proxy's token"));
}

std::shared_ptr<grpc::Channel> MakeChannel(const Server& server) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Otherwise channels to one address share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!server.tls_server_name.empty()) arguments.SetSslTargetNameOverride(server.tls_server_name);
  return grpc::CreateCustomChannel(server.target, server.credentials, arguments);
}

void AddMetadata(const Server& server, grpc::ClientContext& context) {
  for (const auto& [name, value] : server.metadata) context.AddMetadata(name, value);
}

}  // namespace smartbatch::loadgen
