#include "services/tensors/elements.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/one_line.h"
#include "common/utf8.h"
#include "services/rpc/status_details.h"

namespace smartbatch::tensors {
namespace {

static_assert(std::endian::native == std::endian::little, "the protocol's raw form is the form in memory");

constexpr std::size_t kLengthBytes = 4;

constexpr std::array<std::pair<std::string_view, std::size_t>, 14> kDatatypes = {{{"BOOL", 1},
                                                                                  {"UINT8", 1},
                                                                                  {"UINT16", 2},
                                                                                  {"UINT32", 4},
                                                                                  {"UINT64", 8},
                                                                                  {"INT8", 1},
                                                                                  {"INT16", 2},
                                                                                  {"INT32", 4},
                                                                                  {"INT64", 8},
                                                                                  {"FP16", 2},
                                                                                  {"BF16", 2},
                                                                                  {"FP32", 4},
                                                                                  {"FP64", 8},
                                                                                  {kBytes, 0}}};

template <class Value>
void Append(std::string& raw, Value value) {
  std::array<char, sizeof(Value)> bytes;
  std::memcpy(bytes.data(), &value, sizeof(Value));
  raw.append(bytes.data(), bytes.size());
}

std::uint32_t LengthAt(std::string_view raw, std::size_t offset) {
  std::uint32_t length = 0;
  std::memcpy(&length, raw.data() + offset, kLengthBytes);
  return length;
}

absl::Status OutOfRange(std::string_view datatype, const std::string& value) {
  return absl::InvalidArgumentError(absl::StrCat("the value ", value, " does not fit into ", std::string(datatype)));
}

template <class Value, class Numbers>
absl::StatusOr<std::string> Narrowed(std::string_view datatype, const Numbers& numbers) {
  std::string raw;
  raw.reserve(static_cast<std::size_t>(numbers.size()) * sizeof(Value));
  for (const auto number : numbers) {
    if (!std::in_range<Value>(number)) return OutOfRange(datatype, absl::StrCat(number));
    Append(raw, static_cast<Value>(number));
  }
  return raw;
}

template <class Value, class Numbers>
std::string AsTheyAre(const Numbers& numbers) {
  std::string raw;
  raw.reserve(static_cast<std::size_t>(numbers.size()) * sizeof(Value));
  for (const auto number : numbers) Append(raw, static_cast<Value>(number));
  return raw;
}

template <class Value>
absl::StatusOr<std::string> Integer(std::string_view datatype, double value) {
  constexpr double kMinimum = static_cast<double>(std::numeric_limits<Value>::min());
  // 2^63 and 2^64 are not values of these types: the types' largest values become them when converted to double.
  constexpr double kBeyond = static_cast<double>(std::numeric_limits<Value>::max());
  const bool fits =
      value == std::trunc(value) && value >= kMinimum && (sizeof(Value) == 8 ? value < kBeyond : value <= kBeyond);
  if (!fits) return OutOfRange(datatype, absl::StrCat(value));
  std::string raw;
  Append(raw, static_cast<Value>(value));
  return raw;
}

template <class Measure>
std::uint64_t SumOverElements(std::string_view raw, const Measure& measure) {
  std::uint64_t sum = 0;
  for (std::size_t at = 0; at < raw.size();) {
    const std::uint32_t length = LengthAt(raw, at);
    sum += measure(raw.substr(at + kLengthBytes, length));
    at += kLengthBytes + length;
  }
  return sum;
}

// The upper half of a float, rounded to the nearest, is a BF16.
std::uint16_t ToBf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

}  // namespace

std::optional<std::size_t> ElementBytes(std::string_view datatype) {
  for (const auto& [name, bytes] : kDatatypes) {
    if (name == datatype) return bytes;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> Product(std::span<const std::int64_t> dimensions) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 40;
  std::uint64_t product = 1;
  for (const std::int64_t dimension : dimensions) {
    const auto factor = static_cast<std::uint64_t>(dimension);
    if (dimension < 0 || factor > kMost) return std::nullopt;
    if (factor != 0 && product > kMost / factor) return std::nullopt;
    product *= factor;
  }
  return product;
}

std::string ShapeText(std::span<const std::int64_t> shape) {
  constexpr std::size_t kMost = 16;
  return absl::StrCat("[", absl::StrJoin(shape.first(std::min(shape.size(), kMost)), ","),
                      shape.size() > kMost ? ",..." : "", "]");
}

std::string Shown(const std::string& name) {
  constexpr std::size_t kMostBytes = 100;
  return OneLine(absl::StrCat("'", rpc::Shortened(name, kMostBytes), "'"));
}

absl::StatusOr<std::string> Element(std::string_view datatype, double value) {
  std::string raw;
  if (datatype == "FP32") Append(raw, static_cast<float>(value));
  if (datatype == "FP64") Append(raw, value);
  if (datatype == "BF16") Append(raw, ToBf16(static_cast<float>(value)));
  if (!raw.empty()) return raw;
  if (datatype == "BOOL" && (value == 0 || value == 1)) return std::string(1, value == 0 ? '\0' : '\1');
  if (datatype == "UINT8") return Integer<std::uint8_t>(datatype, value);
  if (datatype == "UINT16") return Integer<std::uint16_t>(datatype, value);
  if (datatype == "UINT32") return Integer<std::uint32_t>(datatype, value);
  if (datatype == "UINT64") return Integer<std::uint64_t>(datatype, value);
  if (datatype == "INT8") return Integer<std::int8_t>(datatype, value);
  if (datatype == "INT16") return Integer<std::int16_t>(datatype, value);
  if (datatype == "INT32") return Integer<std::int32_t>(datatype, value);
  if (datatype == "INT64") return Integer<std::int64_t>(datatype, value);
  if (datatype == "FP16" && value == 0) return std::string(2, '\0');
  return OutOfRange(datatype, absl::StrCat(value));
}

absl::StatusOr<std::string> ToRaw(std::string_view datatype, const inference::InferTensorContents& contents) {
  const int fields = (contents.bool_contents_size() > 0 ? 1 : 0) + (contents.int_contents_size() > 0 ? 1 : 0) +
                     (contents.int64_contents_size() > 0 ? 1 : 0) + (contents.uint_contents_size() > 0 ? 1 : 0) +
                     (contents.uint64_contents_size() > 0 ? 1 : 0) + (contents.fp32_contents_size() > 0 ? 1 : 0) +
                     (contents.fp64_contents_size() > 0 ? 1 : 0) + (contents.bytes_contents_size() > 0 ? 1 : 0);
  const auto only = [&](int size) { return fields == 0 || (fields == 1 && size > 0); };
  if (datatype == "BOOL" && only(contents.bool_contents_size()))
    return AsTheyAre<std::uint8_t>(contents.bool_contents());
  if (only(contents.int_contents_size())) {
    if (datatype == "INT8") return Narrowed<std::int8_t>(datatype, contents.int_contents());
    if (datatype == "INT16") return Narrowed<std::int16_t>(datatype, contents.int_contents());
    if (datatype == "INT32") return AsTheyAre<std::int32_t>(contents.int_contents());
  }
  if (datatype == "INT64" && only(contents.int64_contents_size()))
    return AsTheyAre<std::int64_t>(contents.int64_contents());
  if (only(contents.uint_contents_size())) {
    if (datatype == "UINT8") return Narrowed<std::uint8_t>(datatype, contents.uint_contents());
    if (datatype == "UINT16") return Narrowed<std::uint16_t>(datatype, contents.uint_contents());
    if (datatype == "UINT32") return AsTheyAre<std::uint32_t>(contents.uint_contents());
  }
  if (datatype == "UINT64" && only(contents.uint64_contents_size())) {
    return AsTheyAre<std::uint64_t>(contents.uint64_contents());
  }
  if (datatype == "FP32" && only(contents.fp32_contents_size())) return AsTheyAre<float>(contents.fp32_contents());
  if (datatype == "FP64" && only(contents.fp64_contents_size())) return AsTheyAre<double>(contents.fp64_contents());
  if (datatype == kBytes && only(contents.bytes_contents_size())) {
    std::string raw;
    for (const std::string& element : contents.bytes_contents()) {
      Append(raw, static_cast<std::uint32_t>(element.size()));
      raw += element;
    }
    return raw;
  }
  return absl::InvalidArgumentError(absl::StrCat("the contents are not in the field for ", Shown(std::string(datatype)),
                                                 "; send raw_input_contents"));
}

bool HasContents(const inference::InferTensorContents& contents) { return contents.ByteSizeLong() > 0; }

absl::StatusOr<std::vector<std::size_t>> RowOffsets(std::string_view datatype, std::string_view raw, std::uint64_t rows,
                                                    std::uint64_t elements) {
  const auto wrong = [&](const std::string& what) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "; ", rows, " rows of ", elements, " elements of ", std::string(datatype), " are expected"));
  };
  const std::optional<std::size_t> element_bytes = ElementBytes(datatype);
  if (!element_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("the datatype ", Shown(std::string(datatype)), " is unknown"));
  }
  // This check comes before anything is allocated or read.
  const std::uint64_t least = *element_bytes == 0 ? kLengthBytes : *element_bytes;
  const auto shape = std::array{static_cast<std::int64_t>(rows), static_cast<std::int64_t>(elements)};
  const auto total = Product(shape);
  if (!total || *total > raw.size() / least) {
    return wrong(absl::StrCat("the contents have ", raw.size(), " bytes"));
  }
  std::vector<std::size_t> offsets;
  offsets.reserve(rows + 1);
  offsets.push_back(0);
  if (*element_bytes > 0) {
    if (*total * *element_bytes != raw.size()) return wrong(absl::StrCat("the contents have ", raw.size(), " bytes"));
    for (std::uint64_t row = 1; row <= rows; ++row) offsets.push_back(row * elements * *element_bytes);
    return offsets;
  }
  std::size_t at = 0;
  for (std::uint64_t row = 0; row < rows; ++row) {
    for (std::uint64_t element = 0; element < elements; ++element) {
      if (raw.size() - at < kLengthBytes) return wrong("the contents have fewer elements");
      const std::uint32_t length = LengthAt(raw, at);
      at += kLengthBytes;
      if (length > raw.size() - at) return wrong("the last element of the contents is cut short");
      at += length;
    }
    offsets.push_back(at);
  }
  if (at != raw.size()) return wrong("the contents have more elements");
  return offsets;
}

std::uint64_t Characters(std::string_view raw) {
  return SumOverElements(raw, [](std::string_view text) { return CountCodePoints(text).value_or(text.size()); });
}

std::uint64_t Tokens(std::string_view raw, const WordPieces& vocabulary) {
  return SumOverElements(raw, [&](std::string_view text) { return vocabulary.Count(text); });
}

}  // namespace smartbatch::tensors
