#include "services/proxy/config/settings/setting.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <google/protobuf/text_format.h>

#include "common/one_line.h"

namespace smartbatch::proxy {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using Visit = std::function<void(const Setting&)>;

// `index` is the place in a list; -1 if the field is not a list.
std::string ValueText(const Message& message, const FieldDescriptor& field, int index) {
  const Reflection& reflection = *message.GetReflection();
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return index < 0 ? reflection.GetString(message, &field) : reflection.GetRepeatedString(message, &field, index);
  }
  std::string text;
  google::protobuf::TextFormat::PrintFieldValueToString(message, &field, index, &text);
  return text;
}

std::optional<double> NumberIn(const Setting& setting) {
  const Reflection& reflection = *setting.message.GetReflection();
  if (setting.field.is_repeated()) return std::nullopt;
  switch (setting.field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_UINT32:
      return reflection.GetUInt32(setting.message, &setting.field);
    case FieldDescriptor::CPPTYPE_UINT64:
      return static_cast<double>(reflection.GetUInt64(setting.message, &setting.field));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return reflection.GetDouble(setting.message, &setting.field);
    default:
      return std::nullopt;
  }
}

bool IsAllowed(const Setting& setting) {
  const v1::Setting& options = setting.field.options().GetExtension(v1::setting);
  if (const auto& allowed = options.one_of(); !allowed.empty()) {
    return std::find(allowed.begin(), allowed.end(), setting.Value()) != allowed.end();
  }
  const std::optional<double> number = NumberIn(setting);
  if (!number) return true;
  if (*number == 0 && !options.zero().empty()) return true;
  return std::isfinite(*number) && (!options.has_minimum() || *number >= options.minimum()) &&
         (!options.has_above() || *number > options.above()) &&
         (!options.has_maximum() || *number <= options.maximum());
}

struct Step {
  // Of an element of a list: 1, since its first field has given it its name.
  int first = 0;
  bool reloadable = false;
  // What is not given is as elsewhere.
  bool inherits = false;
};

void Walk(const Message& message, const std::string& prefix, const Step& step, const Visit& visit) {
  const Reflection& reflection = *message.GetReflection();
  for (int i = step.first; i < message.GetDescriptor()->field_count(); ++i) {
    const FieldDescriptor& field = *message.GetDescriptor()->field(i);
    const std::string path = prefix + field.name();
    const v1::Setting& options = field.options().GetExtension(v1::setting);
    const bool can_change = step.reloadable || options.reloadable();
    const bool inherits = step.inherits || options.inherits();
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      const bool given = field.is_repeated()
                             ? reflection.FieldSize(message, &field) > 0
                             : (field.has_default_value() && !inherits) || reflection.HasField(message, &field);
      if (given) visit({path, message, field, can_change});
    } else if (!field.is_repeated()) {
      Walk(reflection.GetMessage(message, &field), path + ".", {0, can_change, inherits}, visit);
    } else {
      for (int element = 0; element < reflection.FieldSize(message, &field); ++element) {
        const Message& entry = reflection.GetRepeatedMessage(message, &field, element);
        const std::string name = absl::StrCat(path, "[", ValueText(entry, *entry.GetDescriptor()->field(0), -1), "]");
        if (field.is_map()) {
          visit({name, entry, *entry.GetDescriptor()->map_value(), can_change});
        } else {
          Walk(entry, name + ".", {1, can_change, inherits}, visit);
        }
      }
    }
  }
}

}  // namespace

std::string Setting::Value() const {
  if (!field.is_repeated()) return ValueText(message, field, -1);
  std::vector<std::string> values;
  for (int i = 0; i < message.GetReflection()->FieldSize(message, &field); ++i) {
    values.push_back(ValueText(message, field, i));
  }
  return absl::StrJoin(values, ",");
}

void ForEachSetting(const Message& message, const Visit& visit) { Walk(message, "", {}, visit); }

std::string AllowedIn(const FieldDescriptor& field) {
  const v1::Setting& options = field.options().GetExtension(v1::setting);
  const auto number = [&options](int tag) {
    return ValueText(options, *v1::Setting::descriptor()->FindFieldByNumber(tag), -1);
  };
  if (const auto& allowed = options.one_of(); !allowed.empty()) {
    return absl::StrCat(absl::StrJoin(allowed.begin(), std::prev(allowed.end()), ", "), " or ", *allowed.rbegin());
  }
  const bool from_zero = options.has_minimum() && options.minimum() == 0 && !options.zero().empty();
  std::string allowed = options.zero().empty() || from_zero ? "" : absl::StrCat("0 (", options.zero(), "), or ");
  if (options.has_above()) {
    absl::StrAppend(&allowed, "above ", number(v1::Setting::kAboveFieldNumber));
    if (options.has_maximum()) absl::StrAppend(&allowed, ", at most ", number(v1::Setting::kMaximumFieldNumber));
  } else if (options.has_minimum()) {
    absl::StrAppend(&allowed, options.has_maximum() ? "from " : "at least ", number(v1::Setting::kMinimumFieldNumber));
    if (from_zero) absl::StrAppend(&allowed, " (", options.zero(), ")");
    if (options.has_maximum()) absl::StrAppend(&allowed, " to ", number(v1::Setting::kMaximumFieldNumber));
  }
  return allowed;
}

absl::Status CheckRanges(const Message& message, const std::function<std::string(const std::string&)>& name_of) {
  absl::Status status;
  ForEachSetting(message, [&](const Setting& setting) {
    if (!status.ok() || IsAllowed(setting)) return;
    const std::string allowed = AllowedIn(setting.field);
    const bool is_text = setting.field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    status = Wrong(name_of(setting.path), is_text ? absl::StrCat("'", setting.Value(), "'") : setting.Value(),
                   absl::StrCat("it must be ", allowed.empty() ? "a finite number" : allowed));
  });
  return status;
}

absl::Status Wrong(const std::string& name, const std::string& value, const std::string& remedy) {
  return absl::InvalidArgumentError(OneLine(absl::StrCat(name, " is ", value, "; ", remedy)));
}

}  // namespace smartbatch::proxy
