#include "services/rpc/bearer_token.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/file.h"

namespace smartbatch::rpc {
namespace {

constexpr std::size_t kShortest = 16;
constexpr std::size_t kLongest = 1024;
constexpr char kScheme[] = "Bearer ";

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest DigestOf(absl::string_view text) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  // Room for a token and the white space around it.
  const auto text = ReadFile(path, 2 * kLongest);
  const std::string token(absl::StripAsciiWhitespace(text.ok() ? *text : std::string()));
  const bool printable = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (printable && token.size() >= kShortest && token.size() <= kLongest) return token;
  return absl::InvalidArgumentError(
      absl::StrCat(text.ok() ? absl::StrCat("'", path, "' holds no token") : std::string(text.status().message()),
                   "; put ", kShortest, " to ", kLongest,
                   " printable characters without spaces there as the token, such as `openssl rand -hex 32` prints"));
}

bool SameSecret(absl::string_view left, absl::string_view right) {
  const Digest left_digest = DigestOf(left);
  const Digest right_digest = DigestOf(right);
  return CRYPTO_memcmp(left_digest.data(), right_digest.data(), left_digest.size()) == 0;
}

grpc::Status CheckBearerToken(const grpc::ServerContextBase& context, const std::string& token) {
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end) {
    return {grpc::StatusCode::UNAUTHENTICATED, "the call has no token; send `authorization: Bearer <token>`"};
  }
  const absl::string_view header(begin->second.data(), begin->second.size());
  const bool one_token = std::next(begin) == end && absl::StartsWithIgnoreCase(header, kScheme);
  if (one_token && SameSecret(header.substr(std::strlen(kScheme)), token)) return grpc::Status::OK;
  return {grpc::StatusCode::UNAUTHENTICATED, "the token is wrong; send the token that this server was given"};
}

}  // namespace smartbatch::rpc
