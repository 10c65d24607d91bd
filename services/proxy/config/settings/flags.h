// The flags and variables of the environment that set a message's fields.
#pragma once

#include <map>
#include <string>
#include <vector>

#include <absl/status/status.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <CLI/CLI.hpp>

namespace smartbatch::proxy {

// One flag for each field that setting.proto's `flag` gives one. Lists in lists have none.
class SettingFlags {
 public:
  // Adds the flags to the app, which must outlive this. What `settings` holds is shown as the defaults, the comments of
  // the fields as what they do. Once.
  void Add(CLI::App& app, const google::protobuf::Message& settings) { AddFlags(app, settings, {}); }

  // Call it once the app has parsed: puts what was given into the message, of the same type, and notes in `given` which
  // flag (with --) has set each path. INVALID_ARGUMENT names the flag, its value and what is allowed.
  absl::Status PutInto(google::protobuf::Message& settings, std::map<std::string, std::string>& given) const;

 private:
  using Fields = std::vector<const google::protobuf::FieldDescriptor*>;

  struct Flag {
    CLI::Option* option;
    // The messages around it, from the outermost inwards.
    Fields outer;
    // The list whose elements have the field; null if there is none.
    const google::protobuf::FieldDescriptor* list;
    const google::protobuf::FieldDescriptor* field;

    std::string Name() const;
    std::string Path() const;
    // Whether it is given again for more, and whether each value is an element of `list`.
    bool TakesSeveral() const;
    bool MakesElements() const;
    // What is shown as the default, of the message around it.
    std::string Default(const google::protobuf::Message& holder) const;
    absl::Status PutInto(google::protobuf::Message& holder) const;
  };

  void AddFlags(CLI::App& app, const google::protobuf::Message& holder, const Fields& outer);
  void AddFlag(CLI::App& app, const google::protobuf::Message& holder, Flag flag);

  std::vector<Flag> flags_;
};

}  // namespace smartbatch::proxy
