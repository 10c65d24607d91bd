#include "services/proxy/config/settings/comments.h"

#include <map>
#include <string>
#include <vector>

#include <absl/strings/ascii.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_split.h>
#include <absl/strings/strip.h>

#include "smartbatch_config_text.h"

namespace smartbatch::proxy {
namespace {

// By MESSAGE or MESSAGE.FIELD. Compiled descriptors have no comments, so the text of config.proto is built into the
// program and read here. A comment stands above the field or message that it describes, which begins a line.
std::map<std::string, std::string> ReadComments() {
  std::map<std::string, std::string> comments;
  std::string message;
  std::string comment;
  for (absl::string_view line : absl::StrSplit(kConfigProto, '\n')) {
    line = absl::StripAsciiWhitespace(line);
    if (absl::ConsumePrefix(&line, "//")) {
      absl::StrAppend(&comment, line);
      continue;
    }
    const std::vector<absl::string_view> words = absl::StrSplit(absl::StripSuffix(line, "{"), ' ', absl::SkipEmpty());
    comment = std::string(absl::StripSuffix(absl::StripAsciiWhitespace(comment), "."));
    for (std::size_t i = 1; i < words.size() && !comment.empty(); ++i) {
      if (i == 1 && words[0] == "message") comments[message = std::string(words[1])] = comment;
      if (words[i] == "=") comments[absl::StrCat(message, ".", words[i - 1])] = comment;
    }
    comment.clear();
  }
  return comments;
}

std::string CommentOn(const std::string& name) {
  static const std::map<std::string, std::string> comments = ReadComments();
  const auto found = comments.find(name);
  return found == comments.end() ? std::string() : found->second;
}

}  // namespace

std::string CommentOf(const google::protobuf::FieldDescriptor& field) {
  return CommentOn(absl::StrCat(field.containing_type()->name(), ".", field.name()));
}

std::string CommentOf(const google::protobuf::Descriptor& message) { return CommentOn(message.name()); }

}  // namespace smartbatch::proxy
