// Breaks text into lines.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace smartbatch::loadgen {

// Lines of at most `width` bytes, broken at blanks; a longer word stands on a line of its own. At least one line.
std::vector<std::string> Wrap(const std::string& text, std::size_t width);

}  // namespace smartbatch::loadgen
