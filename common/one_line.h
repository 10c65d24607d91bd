// Errors are one line, whatever they quote.
#pragma once

#include <algorithm>
#include <string>

namespace smartbatch {

// The text with blanks for its line breaks.
inline std::string OneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  return text;
}

}  // namespace smartbatch
