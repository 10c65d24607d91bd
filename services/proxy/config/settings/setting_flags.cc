#include "services/proxy/config/settings/setting_flags.h"

#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/text_format.h>

#include "common/program/flags.h"
#include "services/proxy/config/settings/comments.h"
#include "services/proxy/config/settings/first_error.h"
#include "services/proxy/config/settings/setting.h"

namespace smartbatch::proxy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

const v1::Setting& OptionsOf(const FieldDescriptor& field) { return field.options().GetExtension(v1::setting); }

bool IsMessage(const FieldDescriptor& field) { return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE; }

const Message& DefaultElement(const FieldDescriptor& list) {
  return *google::protobuf::MessageFactory::generated_factory()->GetPrototype(list.message_type());
}

// Whether each value is FIRST=SECOND.
bool TakesPairs(const FieldDescriptor& field) { return field.is_repeated() && IsMessage(field); }

std::string TypeShown(const FieldDescriptor& field) {
  std::string shown = OptionsOf(field).placeholder();
  if (shown.empty()) {
    const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    const bool is_fraction = field.cpp_type() == FieldDescriptor::CPPTYPE_DOUBLE;
    shown = is_text ? "TEXT" : is_fraction ? "FLOAT" : "UINT";
  }
  const std::string allowed = AllowedIn(field);
  return allowed.empty() ? shown : absl::StrCat(shown, " (", allowed, ")");
}

bool ParseValue(const std::string& text, const FieldDescriptor& field, Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    field.is_repeated() ? reflection.AddString(&message, &field, text) : reflection.SetString(&message, &field, text);
    return true;
  }
  FirstError error;  // the flag tells what is wrong
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  return parser.ParseFieldValueFromString(text, &field, &message);
}

absl::Status Put(const std::string& flag, const std::string& text, const FieldDescriptor& field, Message& message) {
  if (ParseValue(text, field, message)) return absl::OkStatus();
  const bool is_whole = field.cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE;
  const std::string allowed = AllowedIn(field);
  return Wrong(flag, absl::StrCat("'", text, "'"),
               absl::StrCat("give a ", is_whole ? "whole " : "", "number", allowed.empty() ? "" : " ", allowed));
}

absl::Status PutBool(const CLI::Option& option, const FieldDescriptor& field, Message& message) {
  try {
    message.GetReflection()->SetBool(&message, &field, option.as<bool>());
    return absl::OkStatus();
  } catch (const CLI::Error&) {
    return Wrong("--" + OptionsOf(field).flag(), absl::StrCat("'", option.results().front(), "'"),
                 "give true or false");
  }
}

absl::Status PutPair(const std::string& flag, const std::string& text, const FieldDescriptor& list, Message& message) {
  const FieldDescriptor& second = *list.message_type()->field(1);
  const std::size_t equals = text.find('=');
  const bool has_second = equals != std::string::npos;
  Message& entry = *message.GetReflection()->AddMessage(&message, &list);
  if (equals == 0 || text.empty() || (!has_second && !second.has_default_value()) ||
      !ParseValue(text.substr(0, equals), *list.message_type()->field(0), entry) ||
      (has_second && !ParseValue(text.substr(equals + 1), second, entry))) {
    return Wrong(flag, absl::StrCat("'", text, "'"), absl::StrCat("write ", OptionsOf(list).placeholder()));
  }
  return absl::OkStatus();
}

}  // namespace

std::string SettingFlags::Flag::Name() const { return absl::StrCat("--", OptionsOf(*field).flag()); }

std::string SettingFlags::Flag::Path() const {
  std::string path;
  for (const FieldDescriptor* around : outer) absl::StrAppend(&path, around->name(), ".");
  if (list != nullptr) absl::StrAppend(&path, list->name(), ".");
  return path + field->name();
}

bool SettingFlags::Flag::MakesElements() const { return list != nullptr && field->index() == 0; }

bool SettingFlags::Flag::TakesSeveral() const { return field->is_repeated() || MakesElements(); }

std::string SettingFlags::Flag::Default(const Message& holder) const {
  const Reflection& reflection = *holder.GetReflection();
  if (MakesElements()) {
    std::vector<std::string> values;
    for (int i = 0; i < reflection.FieldSize(holder, list); ++i) {
      values.push_back(Setting{"", reflection.GetRepeatedMessage(holder, list, i), *field, false}.Value());
    }
    return absl::StrCat("[", absl::StrJoin(values, ","), "]");
  }
  if (TakesPairs(*field)) return "[]";
  const Message& message = list == nullptr ? holder : DefaultElement(*list);
  const std::string value = Setting{"", message, *field, false}.Value();
  if (field->is_repeated()) return absl::StrCat("[", value, "]");
  return field->has_default_value() || message.GetReflection()->HasField(message, field) ? value : "";
}

absl::Status SettingFlags::Flag::PutInto(Message& holder) const {
  const Reflection& reflection = *holder.GetReflection();
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) return PutBool(*option, *field, holder);
  const CLI::results_t& values = option->results();
  if (list != nullptr && !MakesElements()) {
    for (int i = 0; i < reflection.FieldSize(holder, list); ++i) {
      Message& element = *reflection.MutableRepeatedMessage(&holder, list, i);
      if (auto status = Put(Name(), values.front(), *field, element); !status.ok()) return status;
    }
    return absl::OkStatus();
  }
  if (TakesSeveral() && !field->is_map()) reflection.ClearField(&holder, list == nullptr ? field : list);
  for (const std::string& value : values) {
    const absl::Status status = MakesElements()      ? Put(Name(), value, *field, *reflection.AddMessage(&holder, list))
                                : TakesPairs(*field) ? PutPair(Name(), value, *field, holder)
                                                     : Put(Name(), value, *field, holder);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

void SettingFlags::AddFlags(CLI::App& app, const Message& holder, const Fields& outer) {
  const google::protobuf::Descriptor& descriptor = *holder.GetDescriptor();
  for (int i = 0; i < descriptor.field_count(); ++i) {
    const FieldDescriptor& field = *descriptor.field(i);
    if (!OptionsOf(field).flag().empty()) {
      AddFlag(app, holder, {nullptr, outer, nullptr, &field});
    } else if (IsMessage(field) && !field.is_repeated()) {
      Fields inner = outer;
      inner.push_back(&field);
      AddFlags(app, holder.GetReflection()->GetMessage(holder, &field), inner);
    } else if (IsMessage(field) && !field.is_map()) {
      for (int j = 0; j < field.message_type()->field_count(); ++j) {
        const FieldDescriptor& of_elements = *field.message_type()->field(j);
        if (!OptionsOf(of_elements).flag().empty()) AddFlag(app, holder, {nullptr, outer, &field, &of_elements});
      }
    }
  }
}

void SettingFlags::AddFlag(CLI::App& app, const Message& holder, Flag flag) {
  std::string help = CommentOf(*flag.field);
  if (flag.TakesSeveral()) help += "; give it again for more";
  if (flag.field->cpp_type() == FieldDescriptor::CPPTYPE_BOOL) {
    flag.option = app.add_flag(flag.Name(), std::as_const(help));
  } else {
    flag.option = app.add_option(flag.Name(), CLI::callback_t(), help);
    flag.option->type_name(TypeShown(*flag.field))->default_str(flag.Default(holder));
  }
  if (flag.TakesSeveral()) flag.option->expected(CLI::detail::expected_max_vector_size)->delimiter(',');
  flag.option->envname(program::EnvironmentName(OptionsOf(*flag.field).flag()));
  flags_.push_back(std::move(flag));
}

absl::Status SettingFlags::PutInto(Message& settings, std::map<std::string, std::string>& given) const {
  for (const Flag& flag : flags_) {
    if (flag.option->count() == 0) continue;
    given[flag.Path()] = flag.Name();
    Message* holder = &settings;
    for (const FieldDescriptor* around : flag.outer) {
      holder = holder->GetReflection()->MutableMessage(holder, around);
    }
    if (auto status = flag.PutInto(*holder); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::proxy
