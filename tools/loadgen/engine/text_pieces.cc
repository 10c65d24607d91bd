#include "tools/loadgen/engine/text_pieces.h"

#include <algorithm>
#include <string_view>

#include "absl/status/status.h"
#include "common/utf8.h"

namespace smartbatch::loadgen {
namespace {

std::string_view WithoutEndBlanks(std::string_view text) { return text.substr(0, text.find_last_not_of(kBlanks) + 1); }

// The first part of a paragraph that is too long: up to a line end, or else a blank, or else the limit.
std::string_view FirstPart(std::string_view paragraph, std::size_t most_characters) {
  const std::string_view limit = FirstCodePoints(paragraph, most_characters);
  if (limit.size() == paragraph.size()) return paragraph;
  for (const char* const separators : {"\n", " \t"}) {
    const std::size_t cut = limit.find_last_of(separators);
    if (cut != std::string_view::npos && !WithoutEndBlanks(limit.substr(0, cut)).empty()) return limit.substr(0, cut);
  }
  return limit;
}

bool IsBlank(std::string_view text) { return WithoutEndBlanks(text).empty(); }

void AddParagraph(std::string_view paragraph, std::size_t most_characters, std::vector<std::string>& pieces) {
  while (!IsBlank(paragraph)) {
    // Indentation belongs to its line, unless it fills a whole piece.
    if (IsBlank(FirstCodePoints(paragraph, most_characters))) {
      paragraph.remove_prefix(paragraph.find_first_not_of(kBlanks));
    }
    const std::string_view part = FirstPart(paragraph, most_characters);
    pieces.emplace_back(WithoutEndBlanks(part));
    paragraph.remove_prefix(part.size());
    paragraph.remove_prefix(std::min(paragraph.find_first_not_of("\r\n"), paragraph.size()));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> CutIntoPieces(const std::string& text, std::size_t most_characters) {
  if (!CountCodePoints(text)) return absl::InvalidArgumentError("not valid UTF-8");
  std::vector<std::string> pieces;
  std::string_view rest = text;
  std::size_t paragraph_end = 0;
  const auto flush = [&](std::size_t next) {
    AddParagraph(rest.substr(0, paragraph_end), most_characters, pieces);
    rest.remove_prefix(next);
    paragraph_end = 0;
  };
  std::size_t line = 0;
  while (line < rest.size()) {
    const std::size_t end = std::min(rest.find('\n', line), rest.size());
    const std::size_t next = std::min(end + 1, rest.size());
    if (WithoutEndBlanks(rest.substr(line, end - line)).empty()) {
      flush(next);
      line = 0;
    } else {
      paragraph_end = end;
      line = next;
    }
  }
  flush(rest.size());
  return pieces;
}

}  // namespace smartbatch::loadgen
