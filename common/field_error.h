// Errors about one field of what somebody wrote: which it is, and what was written, in one line.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <absl/status/status.h>

namespace smartbatch {

// What somebody wrote, for an error of one line: in single quotes, with all but plain ASCII escaped as in C. (A log
// line quotes as JSON does: program::Quoted.)
std::string Quoted(std::string_view text);

// An INVALID_ARGUMENT that remembers which field is wrong. The message names the value, the allowed range and the
// remedy.
absl::Status FieldError(std::string_view field, const std::string& message);
// The field that a status of FieldError names; nothing for any other status.
std::optional<std::string> FieldOf(const absl::Status& status);

}  // namespace smartbatch
