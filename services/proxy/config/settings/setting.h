// What a message's descriptor says about its fields, by the options of setting.proto. Nothing here knows the proxy.
#pragma once

#include <functional>
#include <string>

#include <absl/status/status.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "smartbatch/proxy/v1/setting.pb.h"

namespace smartbatch::proxy {

// One setting of a message. Valid only during the call that it is passed to.
struct Setting {
  // Its place in the file: `limits.max_queued_bytes`, `customers[A].weight`, `strategy.parameters[linger_ms]`. An
  // element of a list is named by its first field.
  std::string path;
  // The message that holds the setting, and its field there.
  const google::protobuf::Message& message;
  const google::protobuf::FieldDescriptor& field;
  // Whether a running proxy can take over another value.
  bool reloadable;

  // The value, or the default: a text as it is, a number in the fewest digits that read back the same, a list with
  // commas.
  std::string Value() const;
};

// Calls `visit` for each setting that is set or has a default, in the order of the fields.
void ForEachSetting(const google::protobuf::Message& message, const std::function<void(const Setting&)>& visit);

// The allowed values, such as "from 1 to 64"; empty if every value of the type is allowed.
std::string AllowedIn(const google::protobuf::FieldDescriptor& field);

// Errors: INVALID_ARGUMENT for the first setting that is out of its range, with the name that `name_of` gives it, the
// value and what is allowed.
absl::Status CheckRanges(const google::protobuf::Message& message,
                         const std::function<std::string(const std::string& path)>& name_of);

// INVALID_ARGUMENT with the text "NAME is VALUE; REMEDY" in one line.
absl::Status Wrong(const std::string& name, const std::string& value, const std::string& remedy);

}  // namespace smartbatch::proxy
