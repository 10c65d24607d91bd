// What the fuzz targets share: how a broken promise is reported, and how bytes become choices.
//
// A target is a file with LLVMFuzzerTestOneInput. With SMARTBATCH_FUZZ (preset `asan`) it is linked with libFuzzer,
// which makes inputs up; otherwise with corpus_main.cc, which plays the kept ones, as an ordinary test.
#pragma once

#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace smartbatch::fuzz {

// Ends the program if the promise is broken: libFuzzer then keeps the input.
inline void Require(bool holds, std::string_view promise, std::string_view found = {}) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n%s\n", std::string(promise).c_str(), std::string(found).c_str());
  std::abort();
}

inline std::string TextOf(const std::uint8_t* data, std::size_t size) {
  return std::string(reinterpret_cast<const char*>(data), size);
}

// n separators give n + 1 parts.
inline std::vector<std::string> Split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char letter : text) {
    if (letter == separator) {
      parts.emplace_back();
    } else {
      parts.back() += letter;
    }
  }
  return parts;
}

// Errors are one line, whatever they quote.
inline void RequireOneLine(std::string_view message) {
  Require(!message.empty(), "an error says what is wrong");
  Require(message.find_first_of("\n\r") == std::string_view::npos, "an error is one line", message);
}

// Returns true if the texts are the same except for the last digits of their numbers: a time of weeks in a double has
// no room for all nanoseconds.
inline bool Alike(const std::string& left, const std::string& right) {
  const char* a = left.c_str();
  const char* b = right.c_str();
  while (*a != '\0' && *b != '\0') {
    if (std::isdigit(static_cast<unsigned char>(*a)) == 0) {
      if (*a++ != *b++) return false;
      continue;
    }
    char* a_end = nullptr;
    char* b_end = nullptr;
    const double a_number = std::strtod(a, &a_end);
    const double b_number = std::strtod(b, &b_end);
    if (b_end == b || std::abs(a_number - b_number) > 1e-14 * a_number) return false;
    a = a_end;
    b = b_end;
  }
  return *a == *b;
}

// The input as a series of small choices; after its end every choice is 0.
class Choices {
 public:
  Choices(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

  bool empty() const { return next_ >= size_; }
  std::uint8_t Byte() { return empty() ? std::uint8_t{0} : data_[next_++]; }
  // 0..limit - 1.
  std::uint32_t Below(std::size_t limit) { return static_cast<std::uint32_t>(Byte() % limit); }
  template <class Value, std::size_t count>
  const Value& Of(const Value (&values)[count]) {
    return values[Below(count)];
  }
  bool Chance(std::uint8_t out_of_256) { return Byte() < out_of_256; }

 private:
  const std::uint8_t* data_;
  std::size_t size_;
  std::size_t next_ = 0;
};

}  // namespace smartbatch::fuzz
