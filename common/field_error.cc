#include "common/field_error.h"

#include <absl/strings/cord.h>
#include <absl/strings/escaping.h>
#include <absl/strings/str_cat.h>

namespace smartbatch {
namespace {

constexpr char kFieldPayload[] = "smartbatch/field";

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string Quoted(std::string_view text) { return absl::StrCat("'", absl::CHexEscape(View(text)), "'"); }

absl::Status FieldError(std::string_view field, const std::string& message) {
  absl::Status status = absl::InvalidArgumentError(message);
  status.SetPayload(kFieldPayload, absl::Cord(View(field)));
  return status;
}

std::optional<std::string> FieldOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kFieldPayload);
  if (!payload.has_value()) return std::nullopt;
  return std::string(*payload);
}

}  // namespace smartbatch
