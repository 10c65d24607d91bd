// The fields of the configuration file, for people.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace smartbatch::proxy {

// A table in Markdown for the message of config.proto and for each below it: fields with types, defaults, what is
// allowed, flags, and whether a running proxy takes a change over.
std::string SettingTables(const google::protobuf::Descriptor& message);

}  // namespace smartbatch::proxy
