// Lengths of texts as the classifier and the proxy count them: in characters, which are Unicode code points.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace smartbatch {

// The number of code points, or nothing if the text is not valid UTF-8 (RFC 3629: no overlong
// forms, no surrogates, nothing above U+10FFFF).
std::optional<std::size_t> CountCodePoints(std::string_view text);

// The longest prefix of at most `count` code points. The text must be valid UTF-8.
std::string_view FirstCodePoints(std::string_view text, std::size_t count);

}  // namespace smartbatch
