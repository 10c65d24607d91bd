#include "services/proxy/config/settings/tables.h"

#include <set>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <google/protobuf/message.h>

#include "services/proxy/config/settings/comments.h"
#include "services/proxy/config/settings/setting.h"

namespace smartbatch::proxy {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

std::string TypeName(const FieldDescriptor& field) {
  if (field.is_map()) {
    return absl::StrCat("map<", field.message_type()->map_key()->type_name(), ", ",
                        field.message_type()->map_value()->type_name(), ">");
  }
  const bool is_message = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  return absl::StrCat(field.is_repeated() ? "repeated " : "",
                      is_message ? field.message_type()->name() : field.type_name());
}

std::string InCode(const std::string& text) { return text.empty() ? "" : absl::StrCat("`", text, "`"); }

// A bar in the text would end the cell.
std::string Cell(const std::string& text) { return absl::StrCat(" ", absl::StrReplaceAll(text, {{"|", "\\|"}}), " |"); }

// The table of the message, and those of the messages in it. If `reloadable`, a change of any field is taken over; else
// only of the fields that say so.
void AppendTables(const Descriptor& message, bool reloadable, std::set<const Descriptor*>& written, std::string& text) {
  if (!written.insert(&message).second) return;
  absl::StrAppend(&text, text.empty() ? "" : "\n", "`", message.name(), "`: ", CommentOf(message), ".\n\n",
                  "| field | type | default | allowed | flag | a change | what |\n|---|---|---|---|---|---|---|\n");
  const auto can_change = [reloadable](const FieldDescriptor& field) {
    return reloadable || field.options().GetExtension(v1::setting).reloadable();
  };
  const google::protobuf::Message& defaults =
      *google::protobuf::MessageFactory::generated_factory()->GetPrototype(&message);
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    const std::string& flag = field.options().GetExtension(v1::setting).flag();
    const bool has_fields = field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && !field.is_map();
    const std::string restart = has_fields ? "" : "needs a restart";
    absl::StrAppend(&text, "|", Cell(InCode(field.name())), Cell(TypeName(field)),
                    Cell(field.has_default_value() ? InCode(Setting{"", defaults, field, false}.Value()) : ""),
                    Cell(AllowedIn(field)), Cell(flag.empty() ? "" : InCode("--" + flag)),
                    Cell(can_change(field) ? "is taken over" : restart), Cell(CommentOf(field) + "."), "\n");
  }
  for (int i = 0; i < message.field_count(); ++i) {
    const FieldDescriptor& field = *message.field(i);
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || field.is_map()) continue;
    AppendTables(*field.message_type(), can_change(field), written, text);
  }
}

}  // namespace

std::string SettingTables(const Descriptor& message) {
  std::set<const Descriptor*> written;
  std::string text;
  AppendTables(message, false, written, text);
  return text;
}

}  // namespace smartbatch::proxy
