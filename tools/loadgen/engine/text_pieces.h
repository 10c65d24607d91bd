// Cuts a text into the pieces that a reader would call paragraphs or blocks.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

// The characters between words.
inline constexpr std::string_view kBlanks = " \t\r\n\f\v";

// Pieces between blank lines, of at most `most_characters` (code points, at least 1). A longer one is cut at its
// last line end or blank within the limit, or else at the limit. INVALID_ARGUMENT if the text is not valid UTF-8.
absl::StatusOr<std::vector<std::string>> CutIntoPieces(const std::string& text, std::size_t most_characters);

}  // namespace smartbatch::loadgen
