// What a message's descriptor says of its fields, by the options of setting.proto: nothing here knows the proxy.
#pragma once

#include <functional>
#include <string>

#include <absl/status/status.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "smartbatch/proxy/v1/setting.pb.h"

namespace smartbatch::proxy {

// One setting of a message. It lives for the time of a call.
struct Setting {
  // Its place in the file: `limits.max_queued_bytes`, `customers[A].weight`, `strategy.parameters[linger_ms]`. An
  // element of a list is called by its first field.
  std::string path;
  // The message that holds it, and its field there.
  const google::protobuf::Message& message;
  const google::protobuf::FieldDescriptor& field;
  // Whether a running proxy can take another value.
  bool reloadable;

  // The value, or the default: a text as it stands, a number as short as it can be read back, a list with commas.
  std::string Value() const;
};

// Calls `visit` for each setting that is given or has a default, in the order of the fields.
void ForEachSetting(const google::protobuf::Message& message, const std::function<void(const Setting&)>& visit);

// "from 1 to 64"; empty if every value of the type is allowed.
std::string AllowedIn(const google::protobuf::FieldDescriptor& field);

// INVALID_ARGUMENT, with the name, the value and what is allowed, for the first setting that is out of its range.
// Settings are called as `name_of` says.
absl::Status CheckRanges(const google::protobuf::Message& message,
                         const std::function<std::string(const std::string& path)>& name_of);

// "NAME is VALUE; REMEDY", INVALID_ARGUMENT, in one line.
absl::Status Wrong(const std::string& name, const std::string& value, const std::string& remedy);

}  // namespace smartbatch::proxy
