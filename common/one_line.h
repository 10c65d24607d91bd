// Keeps errors on one line, whatever they quote.
#pragma once

#include <algorithm>
#include <string>

namespace smartbatch {

// Returns the text with each line break replaced by a space.
inline std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  return text;
}

}  // namespace smartbatch
