#include "services/classifier/infer_exchange.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "services/tensors/elements.h"

namespace smartbatch::classifier {
namespace {

using tensors::ShapeText;
using tensors::Shown;

std::vector<std::int64_t> Integers(const std::string& raw) {
  std::vector<std::int64_t> numbers(raw.size() / sizeof(std::int64_t));
  std::memcpy(numbers.data(), raw.data(), numbers.size() * sizeof(std::int64_t));
  return numbers;
}

void AppendFloats(std::string& raw, std::span<const float> numbers) {
  const std::size_t before = raw.size();
  raw.resize(before + numbers.size_bytes());
  std::memcpy(raw.data() + before, numbers.data(), numbers.size_bytes());
}

// The answers' part in one output, in raw form.
std::string RawOutput(const std::string& name, const std::vector<Answer>& answers) {
  std::string raw;
  for (const Answer& answer : answers) {
    if (name == kLabel) {
      const auto length = static_cast<std::uint32_t>(answer.label.size());
      raw.append(reinterpret_cast<const char*>(&length), sizeof(length));
      raw += answer.label;
    } else if (name == kConfidence) {
      const auto confidence = static_cast<float>(answer.confidence);
      AppendFloats(raw, {&confidence, 1});
    } else {
      AppendFloats(raw, answer.embedding);
    }
  }
  return raw;
}

}  // namespace

grpc::Status InferExchange::Read(const grpc::ByteBuffer& request) {
  if (auto status = rpc::ParseMessage(request, request_); !status.ok()) return status;
  const std::optional<ModelInput> found = FindModel(engine_, request_.model_name(), request_.model_version());
  if (!found) return UnknownModel(request_.model_name(), request_.model_version());
  model_ = MetadataOf(engine_, *found);
  Inputs inputs;
  if (auto status = ReadInputs(inputs); !status.ok()) return status;
  if (auto status = CheckOutputs(); !status.ok()) return status;
  if (*found == ModelInput::kTexts) return ReadTexts(inputs[kText]);
  return ReadTokens(inputs[kIds], inputs[kMask]);
}

grpc::Status InferExchange::ReadInputs(Inputs& inputs) {
  if (request_.inputs_size() != model_.inputs_size()) {
    return rpc::InvalidArgument(
        "inputs", absl::StrCat("the request has ", request_.inputs_size(), " inputs; the model ", model_.name(),
                               " has ", model_.inputs_size()));
  }
  const int raw = request_.raw_input_contents_size();
  if (raw != 0 && raw != request_.inputs_size()) {
    return rpc::InvalidArgument("raw_input_contents", absl::StrCat(raw, " raw contents for ", request_.inputs_size(),
                                                                   " inputs; send one for each input, or none"));
  }
  for (int i = 0; i < request_.inputs_size(); ++i) {
    const std::string& name = request_.inputs(i).name();
    const auto [at, is_new] = inputs.try_emplace(name);
    if (!is_new)
      return rpc::InvalidArgument("inputs", absl::StrCat("input ", Shown(name), " comes twice; send it once"));
    if (auto status = ReadInput(i, at->second); !status.ok()) return status;
  }
  return grpc::Status::OK;
}

grpc::Status InferExchange::ReadInput(int index, Input& input) {
  auto& sent = *request_.mutable_inputs(index);
  const auto wrong = [&](const std::string& what) {
    return rpc::InvalidArgument(absl::StrCat("inputs[", index, "]"),
                                absl::StrCat("input ", Shown(sent.name()), ": ", what));
  };
  const auto expected = std::find_if(model_.inputs().begin(), model_.inputs().end(),
                                     [&](const auto& tensor) { return tensor.name() == sent.name(); });
  if (expected == model_.inputs().end()) return wrong(absl::StrCat("the model ", model_.name(), " has no such input"));
  if (sent.datatype() != expected->datatype()) {
    return wrong(absl::StrCat("its datatype is ", Shown(sent.datatype()), "; send ", expected->datatype()));
  }
  const std::vector<std::int64_t> shape(sent.shape().begin(), sent.shape().end());
  const auto most_rows = static_cast<std::int64_t>(limits_.max_sequences);
  const std::int64_t most_columns = expected->shape(1) > 0 ? 1 : static_cast<std::int64_t>(engine_.most_tokens);
  if (shape.size() != 2 || shape[0] < 1 || shape[0] > most_rows || shape[1] < 1 || shape[1] > most_columns) {
    return wrong(absl::StrCat("its shape is ", ShapeText(shape), "; [1 to ", most_rows, ", ",
                              most_columns == 1 ? "1" : absl::StrCat("1 to ", most_columns), "] is allowed"));
  }
  if (count_ != 0 && static_cast<std::int64_t>(count_) != shape[0]) {
    return wrong(absl::StrCat("it has ", shape[0], " rows and another input has ", count_, "; send as many of each"));
  }
  count_ = static_cast<std::size_t>(shape[0]);
  input.columns = shape[1];
  if (request_.raw_input_contents_size() > 0) {
    if (tensors::HasContents(sent.contents())) return wrong("it has raw and typed contents; send one of them");
    input.raw = std::move(*request_.mutable_raw_input_contents(index));
  } else {
    auto raw = tensors::ToRaw(sent.datatype(), sent.contents());
    if (!raw.ok()) return wrong(std::string(raw.status().message()));
    input.raw = *std::move(raw);
  }
  auto offsets = tensors::RowOffsets(sent.datatype(), input.raw, count_, static_cast<std::uint64_t>(input.columns));
  if (!offsets.ok()) return wrong(std::string(offsets.status().message()));
  input.offsets = *std::move(offsets);
  return grpc::Status::OK;
}

grpc::Status InferExchange::CheckOutputs() const {
  for (const auto& asked : request_.outputs()) {
    const bool is_known = std::any_of(model_.outputs().begin(), model_.outputs().end(),
                                      [&](const auto& output) { return output.name() == asked.name(); });
    if (!is_known) {
      return rpc::InvalidArgument("outputs", absl::StrCat("the model ", model_.name(), " has no output ",
                                                          Shown(asked.name()), "; ask for those of ModelMetadata"));
    }
  }
  return grpc::Status::OK;
}

grpc::Status InferExchange::ReadTexts(const Input& text) {
  google::protobuf::RepeatedPtrField<std::string> texts;
  for (std::size_t row = 0; row < count_; ++row) {
    constexpr std::size_t kLengthBytes = 4;
    const std::size_t begin = text.offsets[row] + kLengthBytes;
    texts.Add(text.raw.substr(begin, text.offsets[row + 1] - begin));
  }
  std::vector<std::size_t> lengths;
  if (auto status = rpc::CheckSequences(texts, limits_, lengths, kText); !status.ok()) return status;
  longest_ = *std::max_element(lengths.begin(), lengths.end());
  rows_ = std::vector<std::string>(std::make_move_iterator(texts.begin()), std::make_move_iterator(texts.end()));
  return grpc::Status::OK;
}

grpc::Status InferExchange::ReadTokens(const Input& ids, const Input& mask) {
  if (ids.columns != mask.columns) {
    return rpc::InvalidArgument(
        "inputs", absl::StrCat("the second dimension of ", kIds, " is ", ids.columns, " and that of ", kMask, " is ",
                               mask.columns, "; send the same"));
  }
  TokenRows tokens{static_cast<std::size_t>(ids.columns), Integers(ids.raw), Integers(mask.raw)};
  for (std::size_t row = 0; row < count_; ++row) {
    bool has_token = false;
    for (std::size_t i = row * tokens.columns; i < (row + 1) * tokens.columns; ++i) {
      if (tokens.ids[i] < 0 || static_cast<std::uint64_t>(tokens.ids[i]) >= engine_.vocabulary) {
        return rpc::InvalidArgument(kIds, absl::StrCat("row ", row, " has the id ", tokens.ids[i], "; 0 to ",
                                                       engine_.vocabulary - 1, " are allowed"));
      }
      if (tokens.mask[i] != 0 && tokens.mask[i] != 1) {
        return rpc::InvalidArgument(kMask, absl::StrCat("row ", row, " has the value ", tokens.mask[i],
                                                        "; 1 for a token and 0 for padding are allowed"));
      }
      has_token = has_token || tokens.mask[i] == 1;
    }
    if (!has_token) {
      return rpc::InvalidArgument(kMask, absl::StrCat("row ", row, " has no token; leave it out"));
    }
  }
  longest_ = tokens.columns;
  rows_ = std::move(tokens);
  return grpc::Status::OK;
}

bool InferExchange::IsWanted(const std::string& output) const {
  return request_.outputs().empty() || std::any_of(request_.outputs().begin(), request_.outputs().end(),
                                                   [&](const auto& asked) { return asked.name() == output; });
}

grpc::ByteBuffer InferExchange::Write(const std::vector<Answer>& answers) const {
  inference::ModelInferResponse response;
  response.set_model_name(model_.name());
  response.set_model_version(kModelVersion);
  response.set_id(request_.id());
  for (const auto& tensor : model_.outputs()) {
    if (!IsWanted(tensor.name())) continue;
    auto& output = *response.add_outputs();
    output.set_name(tensor.name());
    output.set_datatype(tensor.datatype());
    output.add_shape(static_cast<std::int64_t>(answers.size()));
    output.add_shape(tensor.shape(1));
    response.add_raw_output_contents(RawOutput(tensor.name(), answers));
  }
  return rpc::SerializeMessage(response);
}

}  // namespace smartbatch::classifier
