// Real text to cut sequences from, so that the sequences look like what people send.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/random.h"

namespace smartbatch::loadgen {

// Immutable after construction, so safe to use from several threads.
class TextSource {
 public:
  // All text files below the folder, in the order of their paths. Left out: hidden and generated folders (build,
  // results, third_party, node_modules), files above 1 MB, files that are not valid UTF-8 or hold a NUL; after
  // 16 MB of text the rest is left out too. INVALID_ARGUMENT if nothing remains.
  static absl::StatusOr<TextSource> FromDirectory(const std::filesystem::path& directory);
  // `origin` is what a report calls the text. INVALID_ARGUMENT if the text is blank or not valid UTF-8.
  static absl::StatusOr<TextSource> FromText(std::string text, std::string origin);
  // A small text that is compiled in.
  static TextSource BuiltIn();
  // The first that exists: the folder (an error if it cannot be used), the repository around the current
  // folder, the built-in text.
  static absl::StatusOr<TextSource> Choose(const std::string& directory);

  // Returns exactly `characters` (code points, at least 1) from the first letter of a random line onwards; the text
  // begins again if it ends too early.
  std::string Cut(std::uint32_t characters, Random& random) const;

  const std::string& origin() const { return origin_; }
  std::size_t bytes() const { return text_.size(); }

 private:
  TextSource(std::string text, std::string origin);

  std::string text_;
  std::string origin_;
  std::vector<std::uint32_t> line_starts_;
};

// The nearest folder at or above `from` that holds a README.md and a folder proto.
std::optional<std::filesystem::path> FindRepository(const std::filesystem::path& from);

}  // namespace smartbatch::loadgen
