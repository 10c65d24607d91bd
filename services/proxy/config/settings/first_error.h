// The errors of protobuf's parsers.
#pragma once

#include <string>

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/tokenizer.h>

namespace smartbatch::proxy {

// Keeps the first error, since the others often follow from it.
class FirstError final : public google::protobuf::io::ErrorCollector {
 public:
  void AddError(int line, int column, const std::string& message) override {
    if (text.empty()) text = absl::StrCat("line ", line + 1, ", column ", column + 1, ": ", message);
  }
  std::string text;
};

}  // namespace smartbatch::proxy
