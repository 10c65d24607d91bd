// An estimate of how much memory a message would take, made before it is parsed.
#pragma once

#include <cstdint>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/zero_copy_stream.h>

namespace smartbatch::protocol::open_inference {

// Counts the fields of a message of that type, including those of the messages in it. Sixteen bytes of packed numbers
// count as one field. A field takes at most some hundred bytes of memory, but only two bytes on the wire are needed for
// it, so a message of many empty fields would be fifty times as large in memory. Stops after `most` fields and
// allocates nothing. If the bytes are not a message, it counts up to the first wrong byte.
std::uint64_t CountFields(google::protobuf::io::ZeroCopyInputStream& bytes, const google::protobuf::Descriptor& type,
                          std::uint64_t most);

}  // namespace smartbatch::protocol::open_inference
