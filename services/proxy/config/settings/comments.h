// The comments of config.proto, as the programs and the documents show them.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace smartbatch::proxy {

// What stands above the field of config.proto, in one line and without its last full stop; empty if there is nothing.
// Thread safe.
std::string CommentOf(const google::protobuf::FieldDescriptor& field);
// The same of a message.
std::string CommentOf(const google::protobuf::Descriptor& message);

}  // namespace smartbatch::proxy
