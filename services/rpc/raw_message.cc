#include "services/rpc/raw_message.h"

#include <map>
#include <optional>
#include <string>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/unknown_field_set.h>
#include <grpcpp/support/proto_buffer_reader.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include "common/utf8.h"
#include "services/rpc/status_details.h"

namespace smartbatch::rpc {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::UnknownField;
using google::protobuf::UnknownFieldSet;

// More than any of our requests is nested. It also bounds the recursion below.
constexpr int kMaxDepth = 8;

std::string ElementPath(const std::string& prefix, const FieldDescriptor& field, std::map<int, int>& seen) {
  const std::string path = prefix + field.name();
  return field.is_repeated() ? path + "[" + std::to_string(seen[field.number()]++) + "]" : path;
}

// The path of the first string field that is not valid UTF-8. The fields are read without their types, since the parser
// for the type has refused them.
std::optional<std::string> FindInvalidString(const UnknownFieldSet& fields, const Descriptor& type,
                                             const std::string& prefix, int depth) {
  std::map<int, int> seen;
  for (int i = 0; i < fields.field_count(); ++i) {
    const UnknownField& value = fields.field(i);
    const FieldDescriptor* const field = type.FindFieldByNumber(value.number());
    if (field == nullptr || value.type() != UnknownField::TYPE_LENGTH_DELIMITED) continue;
    const std::string path = ElementPath(prefix, *field, seen);
    if (field->type() == FieldDescriptor::TYPE_STRING) {
      if (!CountCodePoints(value.length_delimited())) return path;
    } else if (field->type() == FieldDescriptor::TYPE_MESSAGE && depth < kMaxDepth) {
      UnknownFieldSet inner;
      if (!inner.ParseFromString(value.length_delimited())) continue;
      if (auto found = FindInvalidString(inner, *field->message_type(), path + ".", depth + 1)) return found;
    }
  }
  return std::nullopt;
}

}  // namespace

grpc::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message& message) {
  {
    grpc::ByteBuffer copy = bytes;  // shares the bytes; the reader needs a buffer that is not const
    grpc::ProtoBufferReader reader(&copy);
    if (reader.status().ok() && message.ParseFromZeroCopyStream(&reader)) return grpc::Status::OK;
  }
  grpc::ByteBuffer copy = bytes;
  grpc::ProtoBufferReader reader(&copy);
  UnknownFieldSet fields;
  if (reader.status().ok() && fields.ParseFromZeroCopyStream(&reader)) {
    if (const auto field = FindInvalidString(fields, *message.GetDescriptor(), "", 0)) {
      return InvalidArgument(*field, "the text is not valid UTF-8; send text encoded as UTF-8");
    }
  }
  return InvalidArgument("(message)", "the bytes are not a " + message.GetDescriptor()->full_name() +
                                          "; encode the request with the service's .proto file");
}

grpc::ByteBuffer SerializeMessage(const google::protobuf::Message& message) {
  grpc::ByteBuffer bytes;
  {
    grpc::ProtoBufferWriter writer(&bytes, grpc::kProtoBufferWriterMaxBufferLength,
                                   static_cast<int>(message.ByteSizeLong()));
    message.SerializeToZeroCopyStream(&writer);
  }
  return bytes;
}

}  // namespace smartbatch::rpc
