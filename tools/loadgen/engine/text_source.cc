#include "tools/loadgen/engine/text_source.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/utf8.h"
#include "tools/loadgen/engine/builtin_text.h"
#include "tools/loadgen/engine/text_pieces.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kLargestFileBytes = 1'000'000;
constexpr std::size_t kLargestTextBytes = 16'000'000;

bool IsSkippedFolder(const std::string& name) {
  static constexpr std::array<std::string_view, 4> kGenerated = {"build", "results", "third_party", "node_modules"};
  return name.starts_with('.') || std::find(kGenerated.begin(), kGenerated.end(), name) != kGenerated.end();
}

std::vector<fs::path> ListFiles(const fs::path& directory, std::error_code& error) {
  std::vector<fs::path> files;
  const auto options = fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator entry(directory, options, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    const std::string name = entry->path().filename().string();
    if (entry->is_directory(ignored)) {
      if (IsSkippedFolder(name)) entry.disable_recursion_pending();
    } else if (entry->is_regular_file(ignored) && !name.starts_with('.') &&
               entry->file_size(ignored) <= kLargestFileBytes) {
      files.push_back(entry->path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// Returns an empty string if the file is not text or cannot be read, which may happen to one of many in a folder.
std::string ReadText(const fs::path& path) {
  auto text = ReadFile(path.string(), kLargestFileBytes);
  if (!text.ok()) return {};
  const bool is_text = text->find('\0') == std::string::npos && CountCodePoints(*text).has_value();
  return is_text ? *std::move(text) : std::string();
}

}  // namespace

TextSource::TextSource(std::string text, std::string origin) : text_(std::move(text)), origin_(std::move(origin)) {
  for (std::size_t line = 0; line < text_.size();) {
    const std::size_t end = std::min(text_.find('\n', line), text_.size());
    const std::size_t start = text_.find_first_not_of(kBlanks, line);
    if (start < end) line_starts_.push_back(static_cast<std::uint32_t>(start));
    line = end + 1;
  }
}

absl::StatusOr<TextSource> TextSource::FromText(std::string text, std::string origin) {
  if (!CountCodePoints(text)) return absl::InvalidArgumentError(absl::StrCat(origin, " is not valid UTF-8"));
  TextSource source(std::move(text), std::move(origin));
  if (source.line_starts_.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("no text in ", source.origin_, ": give a folder with text files"));
  }
  return source;
}

absl::StatusOr<TextSource> TextSource::FromDirectory(const fs::path& directory) {
  std::error_code error;
  std::string text;
  for (const fs::path& file : ListFiles(directory, error)) {
    text += ReadText(file);
    if (!text.empty() && text.back() != '\n') text += '\n';
    if (text.size() >= kLargestTextBytes) break;
  }
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read text from '", directory.string(),
                                                   "': ", error.message(), "; give a folder with text files"));
  }
  return FromText(std::move(text), directory.string());
}

TextSource TextSource::BuiltIn() { return TextSource(std::string(BuiltinText()), "the built-in text"); }

absl::StatusOr<TextSource> TextSource::Choose(const std::string& directory) {
  if (!directory.empty()) return FromDirectory(directory);
  std::error_code error;
  if (const auto repository = FindRepository(fs::current_path(error)); repository && !error) {
    absl::StatusOr<TextSource> source = FromDirectory(*repository);
    if (source.ok()) {
      // Its whole path means nothing to somebody who reads the report on another machine.
      source->origin_ = absl::StrCat("the repository ", repository->filename().string());
      return source;
    }
  }
  return BuiltIn();
}

std::string TextSource::Cut(std::uint32_t characters, Random& random) const {
  const auto line = random.Between(0, static_cast<std::int64_t>(line_starts_.size()) - 1);
  std::string_view rest = std::string_view(text_).substr(line_starts_[static_cast<std::size_t>(line)]);
  std::string cut;
  std::size_t missing = characters;
  while (missing > 0) {
    const std::string_view part = FirstCodePoints(rest, missing);
    cut += part;
    missing -= CountCodePoints(part).value_or(missing);
    rest = text_;
  }
  return cut;
}

std::optional<fs::path> FindRepository(const fs::path& from) {
  std::error_code error;
  for (fs::path folder = from; !folder.empty(); folder = folder.parent_path()) {
    if (fs::is_regular_file(folder / "README.md", error) && fs::is_directory(folder / "proto", error)) return folder;
    if (folder == folder.parent_path()) break;
  }
  return std::nullopt;
}

}  // namespace smartbatch::loadgen
