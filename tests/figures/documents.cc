#include "tests/figures/documents.h"

#include <fstream>
#include <utility>

#include <absl/strings/str_cat.h>

#include "common/file.h"

namespace smartbatch::test {
namespace {

constexpr char kEnd[] = "<!-- end of figures -->";
constexpr char kComparison[] = "density beside published policies";
constexpr char kStrategyTables[] = "mean and p99 of the strategies";
constexpr std::size_t kLargestBytes = 10'000'000;

std::string BeginOf(const std::string& name) { return absl::StrCat("<!-- figures: ", name, " -->\n"); }

// The range of the block without its first and its last line.
absl::StatusOr<std::pair<std::size_t, std::size_t>> PlaceOf(const std::string& text, const std::string& name) {
  const std::string begin = BeginOf(name);
  const std::size_t found = text.find(begin);
  const std::size_t from = found == std::string::npos ? found : found + begin.size();
  const std::size_t to = from == std::string::npos ? from : text.find(kEnd, from);
  if (to == std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat("there is no block '", name, "'; put the lines ",
                                                      begin.substr(0, begin.size() - 1), " and ", kEnd, " there"));
  }
  return std::pair(from, to);
}

absl::Status Write(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  if (file) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, " cannot be written"));
}

absl::Status WriteBlock(const std::string& path, const std::string& name, const std::string& block) {
  auto text = ReadFile(path, kLargestBytes);
  if (!text.ok()) return text.status();
  const auto changed = WithBlock(*text, name, block);
  if (!changed.ok()) return absl::FailedPreconditionError(absl::StrCat(path, ": ", changed.status().message()));
  return Write(path, *changed);
}

absl::StatusOr<std::string> ReadBlock(const std::string& path, const std::string& name) {
  auto text = ReadFile(path, kLargestBytes);
  if (!text.ok()) return text.status();
  auto block = BlockOf(*text, name);
  if (!block.ok()) return absl::FailedPreconditionError(absl::StrCat(path, ": ", block.status().message()));
  return block;
}

absl::Status Stale(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, " holds other figures than are measured; write them again: figures --write DOCS"));
}

}  // namespace

absl::StatusOr<std::string> WithBlock(const std::string& text, const std::string& name, const std::string& block) {
  const auto place = PlaceOf(text, name);
  if (!place.ok()) return place.status();
  return absl::StrCat(text.substr(0, place->first), block, text.substr(place->second));
}

absl::StatusOr<std::string> BlockOf(const std::string& text, const std::string& name) {
  const auto place = PlaceOf(text, name);
  if (!place.ok()) return place.status();
  return text.substr(place->first, place->second - place->first);
}

absl::Status Documents::WriteGroup(const std::string& group, const std::string& table) const {
  return WriteBlock(folder_ + "/BENCHMARKS.md", group, table);
}

absl::StatusOr<std::string> Documents::LineOf(const std::string& group, const std::string& beginning) const {
  const std::string path = folder_ + "/BENCHMARKS.md";
  const auto block = ReadBlock(path, group);
  if (!block.ok()) return block.status();
  const std::size_t from = block->find("\n" + beginning);
  if (from == std::string::npos) {
    return absl::FailedPreconditionError(absl::StrCat(path, ": no line begins with ", beginning));
  }
  const std::size_t end = block->find('\n', from + 1);
  return block->substr(from + 1, end - from);
}

absl::Status Documents::WriteStrategyTables(const std::string& tables) const {
  return WriteBlock(folder_ + "/STRATEGIES.md", kStrategyTables, tables);
}

absl::Status Documents::CheckStrategyTables(const std::vector<std::string>& lines) const {
  const std::string path = folder_ + "/STRATEGIES.md";
  const auto block = ReadBlock(path, kStrategyTables);
  if (!block.ok()) return block.status();
  for (const std::string& line : lines) {
    if (block->find(line) == std::string::npos) return Stale(path);
  }
  return absl::OkStatus();
}

absl::Status Documents::WriteComparison(const std::vector<ComparedCell>& cells) const {
  const std::string images = folder_ + "/images/published_policies";
  if (auto status = Write(images + ".tsv", TableOf(cells)); !status.ok()) return status;
  // From the kept table, so that the same tables can be made again.
  const auto kept = KeptComparison();
  if (!kept.ok()) return kept.status();
  if (auto status = Write(images + ".svg", PictureOf(*kept)); !status.ok()) return status;
  return WriteBlock(folder_ + "/STRATEGIES.md", kComparison, MarkdownOf(*kept));
}

absl::Status Documents::CheckComparison() const {
  const auto kept = KeptComparison();
  if (!kept.ok()) return kept.status();
  const std::string picture = folder_ + "/images/published_policies.svg";
  const auto drawn = ReadFile(picture, kLargestBytes);
  if (!drawn.ok()) return drawn.status();
  if (*drawn != PictureOf(*kept)) return Stale(picture);
  const auto block = ReadBlock(folder_ + "/STRATEGIES.md", kComparison);
  if (!block.ok()) return block.status();
  return *block == MarkdownOf(*kept) ? absl::OkStatus() : Stale(folder_ + "/STRATEGIES.md");
}

absl::StatusOr<std::vector<ComparedCell>> Documents::KeptComparison() const {
  auto text = ReadFile(folder_ + "/images/published_policies.tsv", kLargestBytes);
  if (!text.ok()) return text.status();
  return ReadTable(*text);
}

}  // namespace smartbatch::test
