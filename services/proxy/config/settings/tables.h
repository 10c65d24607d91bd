// The fields of the configuration file, for people.
#pragma once

#include <string>

#include <google/protobuf/descriptor.h>

namespace smartbatch::proxy {

// Returns a table in Markdown for the message of config.proto and for each message in it: its fields with types,
// defaults, allowed values, flags, and whether a running proxy takes a change over.
std::string SettingTables(const google::protobuf::Descriptor& message);

}  // namespace smartbatch::proxy
