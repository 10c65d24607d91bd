// The comments of config.proto, as the programs and the documents show them.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace smartbatch::proxy {

// The comment above the field in config.proto, in one line and without its last full stop; empty if there is none.
// Thread safety: safe.
std::string CommentOf(const google::protobuf::FieldDescriptor& field);
// The same for a message.
std::string CommentOf(const google::protobuf::Descriptor& message);

}  // namespace smartbatch::proxy
