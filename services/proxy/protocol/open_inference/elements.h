// The elements of tensors as they lie in a message. Pure functions, thread safe.
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

#include "inference/open_inference.pb.h"

namespace smartbatch::protocol::open_inference {

inline constexpr char kBytes[] = "BYTES";

// Bytes of an element of that datatype, 0 for BYTES; nothing for a datatype that the protocol does not have.
std::optional<std::size_t> ElementBytes(std::string_view datatype);

// The product of the dimensions, none of which may be negative; nothing if it is above 2^40, more than any message has.
std::optional<std::uint64_t> Product(std::span<const std::int64_t> dimensions);

// The dimensions as text, such as [2,-1].
std::string ShapeText(std::span<const std::int64_t> shape);

// A foreign name as errors show it: quoted and cut short.
std::string Shown(const std::string& name);

// One element of that datatype in raw form. INVALID_ARGUMENT if the datatype is BYTES or unknown, or cannot hold the
// value.
absl::StatusOr<std::string> Element(std::string_view datatype, double value);

// What a tensor's typed contents are in raw form. INVALID_ARGUMENT if they are in another field than that of the
// datatype, if the datatype has none (FP16, BF16), or if a number is outside the range of the datatype.
absl::StatusOr<std::string> ToRaw(std::string_view datatype, const inference::InferTensorContents& contents);
// Whether there are any.
bool HasContents(const inference::InferTensorContents& contents);

// Where each of `rows` rows of a tensor begins in its raw form, and where the last one ends. Each row has `elements`
// elements. INVALID_ARGUMENT unless the bytes are exactly that many elements. The caller bounds `rows`: nothing is
// allocated but the answer, whose size is rows + 1.
absl::StatusOr<std::vector<std::size_t>> RowOffsets(std::string_view datatype, std::string_view raw, std::uint64_t rows,
                                                    std::uint64_t elements);

// The characters (Unicode code points) of the elements in a piece of a BYTES tensor in raw form that RowOffsets has
// found to be well formed; the bytes of an element that is not UTF-8.
std::uint64_t Characters(std::string_view raw);

}  // namespace smartbatch::protocol::open_inference
