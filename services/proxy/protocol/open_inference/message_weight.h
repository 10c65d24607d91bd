// How much memory a message would take, told before it is parsed.
#pragma once

#include <cstdint>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/zero_copy_stream.h>

namespace smartbatch::protocol::open_inference {

// The fields of a message of that type, those of the messages in it too; sixteen bytes of packed numbers count as one.
// Each takes some hundred bytes of memory at most, while on the wire two are enough: so a message of many empty ones
// would be fifty times as large in memory. Reads no further than `most` fields, and allocates nothing. Of bytes that
// are no message it counts up to where that shows.
std::uint64_t CountFields(google::protobuf::io::ZeroCopyInputStream& bytes, const google::protobuf::Descriptor& type,
                          std::uint64_t most);

}  // namespace smartbatch::protocol::open_inference
