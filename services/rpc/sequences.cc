#include "services/rpc/sequences.h"

#include <optional>

#include "common/utf8.h"
#include "services/rpc/status_details.h"

namespace smartbatch::rpc {
namespace {

// What is wrong with a text of the given length; nothing if it is right. A text that is not valid UTF-8 has no length.
std::optional<std::string> LengthViolation(const std::optional<std::size_t>& characters, std::size_t max_characters) {
  if (!characters) return "the text is not valid UTF-8; send text encoded as UTF-8";
  const std::string range = "1 to " + std::to_string(max_characters) + " characters are allowed";
  if (*characters == 0) return "the text is empty; " + range + ", leave empty texts out";
  if (*characters > max_characters) {
    return "the text has " + std::to_string(*characters) + " characters; " + range + ", send it in pieces";
  }
  return std::nullopt;
}

}  // namespace

grpc::Status CheckSequences(const google::protobuf::RepeatedPtrField<std::string>& sequences,
                            const SequenceLimits& limits, std::vector<std::size_t>& lengths, const std::string& field) {
  const auto count = static_cast<std::size_t>(sequences.size());
  if (count == 0 || count > limits.max_sequences) {
    return InvalidArgument(field, "the request has " + std::to_string(count) + " sequences; 1 to " +
                                      std::to_string(limits.max_sequences) + " are allowed, " +
                                      (count == 0 ? "send at least one" : "send the rest in other requests"));
  }
  lengths.clear();
  std::vector<FieldViolation> violations;
  for (const std::string& text : sequences) {
    const auto characters = CountCodePoints(text);
    if (auto violation = LengthViolation(characters, limits.max_characters)) {
      violations.push_back({field + "[" + std::to_string(lengths.size()) + "]", *violation});
    }
    lengths.push_back(characters.value_or(0));
  }
  return violations.empty() ? grpc::Status::OK : InvalidArgument(violations);
}

}  // namespace smartbatch::rpc
