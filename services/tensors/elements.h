// The elements of tensors in the form that a message has them in. Pure functions, thread safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/word_pieces.h"
#include "inference/open_inference.pb.h"

namespace smartbatch::tensors {

inline constexpr char kBytes[] = "BYTES";

// The number of bytes of an element of that datatype, 0 for BYTES; nothing for a datatype that the protocol does not
// have.
std::optional<std::size_t> ElementBytes(std::string_view datatype);

// The product of the dimensions; nothing if one is negative or if the product is above 2^40, more than any message has.
std::optional<std::uint64_t> Product(std::span<const std::int64_t> dimensions);

// The dimensions as text, such as [2,-1].
std::string ShapeText(std::span<const std::int64_t> shape);

// A name from outside as errors show it: quoted and cut short.
std::string Shown(const std::string& name);

// One element of that datatype in raw form. INVALID_ARGUMENT if the datatype is BYTES or unknown, or cannot hold the
// value.
absl::StatusOr<std::string> Element(std::string_view datatype, double value);

// A tensor's typed contents in raw form. INVALID_ARGUMENT if they are not in the field of the datatype, if the datatype
// has no field (FP16, BF16), or if a number is outside the range of the datatype.
absl::StatusOr<std::string> ToRaw(std::string_view datatype, const inference::InferTensorContents& contents);
// Returns true if there are any contents.
bool HasContents(const inference::InferTensorContents& contents);

// The positions in a tensor's raw form where each of its `rows` rows begins, and where the last one ends. Each row has
// `elements` elements. INVALID_ARGUMENT unless the bytes are exactly that many elements. The caller must bound `rows`:
// only the result is allocated, with rows + 1 positions.
absl::StatusOr<std::vector<std::size_t>> RowOffsets(std::string_view datatype, std::string_view raw, std::uint64_t rows,
                                                    std::uint64_t elements);

// The number of characters (Unicode code points) of the elements in a piece of a BYTES tensor in raw form, which
// RowOffsets must have found to be well formed. An element that is not UTF-8 counts its bytes.
std::uint64_t Characters(std::string_view raw);
// Their tokens by the vocabulary.
std::uint64_t Tokens(std::string_view raw, const WordPieces& vocabulary);

}  // namespace smartbatch::tensors
