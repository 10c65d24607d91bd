// How much memory a message would take, told before it is parsed.
#pragma once

#include <cstdint>

#include <google/protobuf/descriptor.h>
#include <grpcpp/support/byte_buffer.h>

namespace smartbatch::protocol {

// More than any message of the protocols needs, packed numbers left out.
inline constexpr std::uint64_t kMostFields = 65'536;
// This many bytes of packed numbers count as one field.
inline constexpr std::uint64_t kPackedBytesOfAField = 16;

// Whether a message of that type has more than `most` fields, those of the messages in it too. Each takes some hundred
// bytes of memory at most, while on the wire two are enough: so a message of many empty ones would be fifty times as
// large in memory. Reads no further than `most` fields, and allocates nothing. If the bytes are no message, it counts
// the fields before the first byte that cannot be read.
bool HasMoreFields(const grpc::ByteBuffer& message, const google::protobuf::Descriptor& type, std::uint64_t most);

}  // namespace smartbatch::protocol
