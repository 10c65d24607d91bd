// The configuration file: reading it, and what it means.
#include <string>
#include <utility>

#include <absl/strings/str_cat.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include "common/file.h"
#include "common/one_line.h"
#include "services/proxy/config/config.h"
#include "services/proxy/config/settings/first_error.h"

namespace smartbatch::proxy {
namespace {

// Room for some hundred thousand customers.
constexpr std::size_t kLargestFileBytes = 64'000'000;

absl::Status ParseText(const std::string& text, v1::ProxyConfig& file) {
  FirstError error;
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&error);
  if (parser.ParseFromString(text, &file)) return absl::OkStatus();
  return absl::InvalidArgumentError(error.text);
}

absl::Status ParseJson(const std::string& text, v1::ProxyConfig& file) {
  const auto status = google::protobuf::util::JsonStringToMessage(text, &file);
  if (status.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(status.message()));
}

}  // namespace

absl::Status ParseConfig(const std::string& text, ConfigFormat format, Config& config) {
  v1::ProxyConfig file;
  const absl::Status parsed = format == ConfigFormat::kJson ? ParseJson(text, file) : ParseText(text, file);
  if (!parsed.ok()) {
    return absl::InvalidArgumentError(OneLine(
        absl::StrCat(parsed.message(), "; proto/smartbatch/proxy/v1/config.proto describes what the file may hold")));
  }
  // A writer that empties the file before it writes would otherwise reset every setting to its default.
  if (file.ByteSizeLong() == 0) {
    return absl::InvalidArgumentError(
        "the file sets nothing: it is empty, or was read before it was written; name at least one setting, such as "
        "`strategy { name: \"density\" }`, or start without --config to run with the defaults");
  }
  if (file.backends_size() > 0) config.settings.clear_backends();
  config.settings.MergeFrom(file);
  return absl::OkStatus();
}

absl::Status ReadConfigFile(const std::string& path, Config& config) {
  const auto text = ReadFile(path, kLargestFileBytes);
  if (!text.ok()) return absl::InvalidArgumentError(absl::StrCat("configuration: ", text.status().message()));
  const ConfigFormat format = path.ends_with(".json") ? ConfigFormat::kJson : ConfigFormat::kText;
  absl::Status parsed = ParseConfig(*text, format, config);
  if (parsed.ok()) {
    config.file = config.settings;
    return parsed;
  }
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", parsed.message()));
}

}  // namespace smartbatch::proxy
