#include "tests/figures/documents.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <string_view>
#include <utility>

#include <absl/strings/ascii.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/string_view.h>

#include "common/file.h"

namespace smartbatch::test {
namespace {

constexpr char kEnd[] = "<!-- end of figures -->";
constexpr char kComparison[] = "density beside published policies";
constexpr std::size_t kLargestBytes = 10'000'000;

constexpr char kBeginning[] = "<!-- figures: ";
constexpr char kEndOfName[] = " -->\n";

std::string BeginOf(const std::string& name) { return absl::StrCat(kBeginning, name, kEndOfName); }

// The range of the block without its first and its last line.
absl::StatusOr<std::pair<std::size_t, std::size_t>> PlaceOf(const std::string& text, const std::string& name) {
  const std::string begin = BeginOf(name);
  const std::size_t found = text.find(begin);
  const std::size_t from = found == std::string::npos ? found : found + begin.size();
  const std::size_t to = from == std::string::npos ? from : text.find(kEnd, from);
  if (to == std::string::npos || text.find(kBeginning, from) < to) {
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

std::vector<std::string> BlockNames(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t found = text.find(kBeginning); found != std::string::npos; found = text.find(kBeginning, found)) {
    found += std::strlen(kBeginning);
    names.push_back(text.substr(found, text.find(kEndOfName, found) - found));
  }
  return names;
}

absl::Status CheckBlock(const std::string& block, const std::vector<Expected>& all) {
  std::string_view rest = block;
  for (const Expected& expected : all) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    const bool is_there = rest.starts_with(expected.text) && line.ends_with(expected.ending);
    if (!is_there) {
      return absl::FailedPreconditionError(
          absl::StrCat("this line stands in place of '", absl::StripTrailingAsciiWhitespace(expected.text),
                       expected.ending.empty() ? "" : " ...", expected.ending, "': ", std::string(line)));
    }
    rest.remove_prefix(expected.ending.empty() ? expected.text.size() : std::min(line.size() + 1, rest.size()));
  }
  if (rest.empty()) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("nobody measures this line: ", std::string(rest.substr(0, rest.find('\n')))));
}

std::string Documents::PathOf(Document document) const {
  return absl::StrCat(folder_, document == Document::kBenchmarks ? "/BENCHMARKS.md" : "/STRATEGIES.md");
}

absl::Status Documents::WriteTable(Document document, const std::string& name, const std::string& table) const {
  return WriteBlock(PathOf(document), name, table);
}

absl::Status Documents::CheckTable(Document document, const std::string& name, const std::vector<Expected>& all) const {
  const auto block = ReadBlock(PathOf(document), name);
  if (!block.ok()) return block.status();
  const absl::Status status = CheckBlock(*block, all);
  if (status.ok()) return status;
  return absl::FailedPreconditionError(
      absl::StrCat(Stale(PathOf(document)).message(), ": in '", name, "' ", status.message()));
}

absl::Status Documents::CheckNames(Document document, const std::vector<std::string>& names) const {
  const auto text = ReadFile(PathOf(document), kLargestBytes);
  if (!text.ok()) return text.status();
  for (const std::string& name : BlockNames(*text)) {
    if (name == kComparison || std::find(names.begin(), names.end(), name) != names.end()) continue;
    return absl::FailedPreconditionError(
        absl::StrCat(PathOf(document), ": nobody writes the block '", name, "'; remove it, or correct its name"));
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

absl::StatusOr<std::vector<LoadPoint>> Documents::LatencyByLoad() const {
  const std::string path = folder_ + "/images/latency_by_load.tsv";
  const auto text = ReadFile(path, kLargestBytes);
  if (!text.ok()) return text.status();
  std::vector<LoadPoint> points;
  for (const absl::string_view line : absl::StrSplit(*text, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> fields = absl::StrSplit(line, '\t');
    LoadPoint point;
    const bool good = fields.size() == 5 && absl::SimpleAtod(fields[1], &point.rho) &&
                      absl::SimpleAtod(fields[2], &point.mean) && absl::SimpleAtod(fields[3], &point.p99);
    if (!good) return absl::FailedPreconditionError(absl::StrCat(path, ": this is not a point: ", line));
    point.strategy = fields[0];
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace smartbatch::test
