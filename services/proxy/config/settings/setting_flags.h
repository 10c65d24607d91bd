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
  // Adds the flags to the app. Help shows the values in `settings` as the defaults, and the comments of the fields.
  // Requires: the app outlives this object; Add is called once.
  void Add(CLI::App& app, const google::protobuf::Message& settings) { AddFlags(app, settings, {}); }

  // Puts the values that were given into the message, and notes in `given` which flag (with --) has set each path.
  // Requires: the app has parsed; the message is of the type that Add was given.
  // Errors: INVALID_ARGUMENT, which names the flag, its value and what is allowed.
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
    // Whether the flag can be given several times, and whether each value is an element of `list`.
    bool TakesSeveral() const;
    bool MakesElements() const;
    // The default that help shows; `holder` is the message around the field.
    std::string Default(const google::protobuf::Message& holder) const;
    absl::Status PutInto(google::protobuf::Message& holder) const;
  };

  void AddFlags(CLI::App& app, const google::protobuf::Message& holder, const Fields& outer);
  void AddFlag(CLI::App& app, const google::protobuf::Message& holder, Flag flag);

  std::vector<Flag> flags_;
};

}  // namespace smartbatch::proxy
