#include "services/proxy/protocol/message_weight.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_reader.h>

namespace smartbatch::protocol {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;

// More than any message of the protocol is nested.
constexpr int kMaxDepth = 16;

// Adds to `count` the fields up to the end or the current limit. Returns false if the bytes are not a message.
bool Count(CodedInputStream& stream, const Descriptor* type, int depth, std::uint64_t most, std::uint64_t& count) {
  while (count <= most) {
    const std::uint32_t tag = stream.ReadTag();
    if (tag == 0) return stream.ConsumedEntireMessage();
    ++count;
    if (WireFormatLite::GetTagWireType(tag) != WireFormatLite::WIRETYPE_LENGTH_DELIMITED) {
      if (!WireFormatLite::SkipField(&stream, tag)) return false;
      continue;
    }
    std::uint32_t length = 0;
    if (!stream.ReadVarint32(&length)) return false;
    const FieldDescriptor* const field =
        type == nullptr ? nullptr : type->FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    if (field != nullptr && field->type() == FieldDescriptor::TYPE_MESSAGE && depth < kMaxDepth) {
      const auto limit = stream.PushLimit(static_cast<int>(length));
      if (!Count(stream, field->message_type(), depth + 1, most, count)) return false;
      if (count > most) return true;
      stream.PopLimit(limit);
      continue;
    }
    if (field != nullptr && field->is_packable()) count += length / kPackedBytesOfAField;
    if (!stream.Skip(static_cast<int>(length))) return false;
  }
  return true;
}

}  // namespace

bool HasMoreFields(const grpc::ByteBuffer& message, const Descriptor& type, std::uint64_t most) {
  constexpr std::uint64_t kLeastBytesOfAField = 2;
  if (message.Length() / kLeastBytesOfAField <= most) return false;
  grpc::ByteBuffer shared = message;  // shares the bytes; the reader needs a buffer that is not const
  grpc::ProtoBufferReader reader(&shared);
  if (!reader.status().ok()) return false;  // the parser says what is wrong
  CodedInputStream stream(&reader);
  std::uint64_t count = 0;
  Count(stream, &type, 0, most, count);
  return count > most;
}

}  // namespace smartbatch::protocol
