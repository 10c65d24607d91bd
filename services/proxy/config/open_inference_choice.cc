// Which backends are servers of the Open Inference Protocol, and how requests for their model become batches.
#include <cmath>
#include <string_view>

#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>

#include "common/one_line.h"
#include "services/proxy/config/config.h"

namespace smartbatch::proxy {
namespace {

constexpr std::string_view kScheme = "oip://";

absl::Status IsWrong(const std::string& setting, const std::string& value, const std::string& allowed) {
  return absl::InvalidArgumentError(OneLine(absl::StrCat(setting, " is ", value, "; ", allowed)));
}

}  // namespace

std::string BackendChoice::host_and_port() const {
  if (!address.starts_with(kScheme)) return address;
  return address.substr(kScheme.size(), address.rfind('/') - kScheme.size());
}

std::string BackendChoice::model() const {
  if (!address.starts_with(kScheme)) return {};
  const std::size_t slash = address.rfind('/');
  return slash < kScheme.size() ? std::string() : address.substr(slash + 1);
}

absl::Status OpenInferenceChoice::AddPaddedInput(const std::string& text) {
  const std::size_t equals = text.rfind('=');
  double value = 0;
  const bool has_value = equals != std::string::npos;
  if (text.empty() || equals == 0 || (has_value && !absl::SimpleAtod(text.substr(equals + 1), &value))) {
    return IsWrong("pad-input", "'" + text + "'", "write NAME or NAME=VALUE, such as input_ids=0");
  }
  padded_inputs[text.substr(0, equals)] = value;
  return absl::OkStatus();
}

absl::Status OpenInferenceChoice::Validate(const Config& config) const {
  const std::string model = config.model();
  for (const BackendChoice& backend : config.backends) {
    if (backend.address.starts_with(kScheme) && backend.model().empty()) {
      return IsWrong("a backend", backend.address, "write oip://host:port/MODEL");
    }
    if (backend.model() != model) {
      return IsWrong("a backend", backend.address,
                     "all backends must speak one protocol and serve one model, and the first one is " +
                         config.backends.front().address);
    }
  }
  if (max_request_bytes < 1024 || max_request_bytes > 536'870'912) {
    return IsWrong("open_inference.max_request_bytes", absl::StrCat(max_request_bytes),
                   "it must be from 1024 to 536870912");
  }
  if (!trimmed_outputs.empty() && padded_inputs.empty()) {
    return IsWrong("open_inference.trimmed_outputs", absl::StrJoin(trimmed_outputs, ","),
                   "they are cut back to the length of the padded inputs: name those in padded_inputs (--pad-input)");
  }
  // Each padded input of a batch is as long as its longest row, and these may come from different requests.
  constexpr std::uint64_t kLargestBatch = std::uint64_t{1} << 31;  // no message is larger
  const std::uint64_t batch = max_request_bytes * config.limits.max_batch_size * (padded_inputs.size() + 1);
  if (!model.empty() && batch >= kLargestBatch) {
    return IsWrong(
        "the largest batch", absl::StrCat(batch, " bytes"),
        "max-batch-size times open_inference.max_request_bytes, and that again for each padded input, must be "
        "below 2147483648: lower one of them");
  }
  for (const auto& [name, value] : padded_inputs) {
    if (!std::isfinite(value)) return IsWrong("the padding of " + name, absl::StrCat(value), "give a finite number");
  }
  if (model.empty() || config.connections.max_receive_bytes >= 2 * max_request_bytes) return absl::OkStatus();
  return IsWrong("connections.max_receive_bytes", absl::StrCat(config.connections.max_receive_bytes),
                 absl::StrCat("it must be at least ", 2 * max_request_bytes,
                              ", twice the largest request: raise it, or lower open_inference.max_request_bytes"));
}

}  // namespace smartbatch::proxy
