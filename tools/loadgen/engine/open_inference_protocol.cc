#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "inference/open_inference.grpc.pb.h"
#include "services/rpc/raw_message.h"
#include "tools/loadgen/engine/now.h"
#include "tools/loadgen/engine/protocol.h"

namespace smartbatch::loadgen {
namespace {

using TensorMetadata = inference::ModelMetadataResponse::TensorMetadata;

// Little endian, as the protocol wants it on every machine.
void AppendInteger(std::uint64_t value, std::size_t bytes, std::string& raw) {
  for (std::size_t i = 0; i < bytes; ++i) raw.push_back(static_cast<char>((value >> (8 * i)) & 0xFFU));
}

// What an input's elements are.
enum class Content { kCharacters, kTokenIds, kMask, kZeros };

struct Input {
  std::string name;
  std::string datatype;
  Content content = Content::kCharacters;
  // Bytes of an element; of text those of its length.
  std::size_t bytes = 0;
  // 1 or 2, the sequences first.
  int dimensions = 2;
};

std::string Described(const TensorMetadata& tensor) {
  return absl::StrCat("'", tensor.name(), "' (", tensor.datatype(), " [", absl::StrJoin(tensor.shape(), ","), "])");
}

std::size_t IntegerBytes(std::string_view datatype) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 6> kIntegers = {
      {{"INT64", 8}, {"UINT64", 8}, {"INT32", 4}, {"UINT32", 4}, {"INT16", 2}, {"UINT16", 2}}};
  for (const auto& [name, bytes] : kIntegers) {
    if (name == datatype) return bytes;
  }
  return 0;
}

Content ContentOf(const std::string& input) {
  const std::string name = absl::AsciiStrToLower(input);
  if (absl::StrContains(name, "mask")) return Content::kMask;
  const bool zeros = absl::StrContains(name, "type") || absl::StrContains(name, "segment");
  return zeros ? Content::kZeros : Content::kTokenIds;
}

absl::StatusOr<std::vector<Input>> InputsOf(const inference::ModelMetadataResponse& metadata) {
  const std::string model = absl::StrCat("the model '", metadata.name(), "' ");
  if (metadata.inputs().empty()) {
    return absl::FailedPreconditionError(model + "is not described by its server, so that nothing can be sent to it");
  }
  std::vector<Input> inputs;
  for (const TensorMetadata& tensor : metadata.inputs()) {
    const int dimensions = tensor.shape_size();
    if (tensor.datatype() == "BYTES" && metadata.inputs_size() == 1 &&
        (dimensions == 1 || (dimensions == 2 && (tensor.shape(1) == 1 || tensor.shape(1) == -1)))) {
      return std::vector{Input{tensor.name(), tensor.datatype(), Content::kCharacters, 4, dimensions}};
    }
    const std::size_t bytes = IntegerBytes(tensor.datatype());
    if (bytes == 0 || dimensions != 2 || tensor.shape(1) != -1) {
      return absl::FailedPreconditionError(
          absl::StrCat(model, "has the input ", Described(tensor),
                       ": loadgen sends text, as the only input BYTES [-1,1], or token ids, as inputs INT64 [-1,-1]"));
    }
    inputs.push_back({tensor.name(), tensor.datatype(), ContentOf(tensor.name()), bytes, dimensions});
  }
  return inputs;
}

std::string Text(const std::vector<std::string>& sequences) {
  std::string raw;
  for (const std::string& sequence : sequences) {
    AppendInteger(sequence.size(), 4, raw);
    raw += sequence;
  }
  return raw;
}

// A token for each character, among those that every vocabulary has: 1 to 250.
std::vector<std::uint8_t> TokenIds(std::string_view text) {
  std::vector<std::uint8_t> ids;
  ids.reserve(text.size());
  for (const char byte : text) {
    const auto value = static_cast<std::uint8_t>(byte);
    const bool continues_a_character = (value & 0xC0U) == 0x80U;
    if (!continues_a_character) ids.push_back(static_cast<std::uint8_t>(value % 250 + 1));
  }
  return ids;
}

std::string Tokens(const Input& input, const std::vector<std::vector<std::uint8_t>>& rows, std::size_t longest) {
  std::string raw;
  raw.reserve(rows.size() * longest * input.bytes);
  for (const std::vector<std::uint8_t>& ids : rows) {
    for (std::size_t i = 0; i < longest; ++i) {
      const bool padding = i >= ids.size() || input.content == Content::kZeros;
      AppendInteger(padding ? 0U : input.content == Content::kMask ? 1U : ids[i], input.bytes, raw);
    }
  }
  return raw;
}

// 0 for what is no number.
template <class Number>
Number NumberIn(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : Number{};
}

// What the proxy says beside every answer, in whatever protocol: proxy.proto has the form.
ServerTimings TimingsIn(const Trailers& trailers) {
  ServerTimings timings;
  const auto found = trailers.find("x-smartbatch-timings");
  if (found == trailers.end()) return timings;
  const absl::string_view told(found->second.data(), found->second.size());
  for (const absl::string_view field : absl::StrSplit(told, ' ')) {
    const std::pair<std::string, std::string> pair = absl::StrSplit(field, absl::MaxSplits('=', 1));
    const auto& [name, value] = pair;
    if (name == "strategy") timings.strategy = value;
    if (name == "queue_ms") timings.queue_ms = NumberIn<double>(value);
    if (name == "service_ms") timings.service_ms = NumberIn<double>(value);
    if (name == "latency_ms") timings.latency_ms = NumberIn<double>(value);
    if (name == "batches") timings.batches = NumberIn<std::uint32_t>(value);
    if (name != "batch_sizes") continue;
    for (const absl::string_view size : absl::StrSplit(value, ',', absl::SkipEmpty())) {
      timings.batch_sizes.push_back(NumberIn<std::uint32_t>({size.data(), size.size()}));
    }
    timings.batches = static_cast<std::uint32_t>(timings.batch_sizes.size());
  }
  return timings;
}

class OpenInferenceProtocol final : public Protocol {
 public:
  OpenInferenceProtocol(std::string model, std::vector<Input> inputs)
      : model_(std::move(model)), inputs_(std::move(inputs)) {}

  const std::string& method() const override { return method_; }

  grpc::ByteBuffer Request(const std::vector<std::string>& sequences) const override {
    std::vector<std::vector<std::uint8_t>> rows;
    std::size_t longest = 0;
    if (inputs_.front().content != Content::kCharacters) {
      for (const std::string& sequence : sequences) rows.push_back(TokenIds(sequence));
      for (const auto& ids : rows) longest = std::max(longest, ids.size());
    }
    inference::ModelInferRequest request;
    request.set_model_name(model_);
    for (const Input& input : inputs_) {
      auto& tensor = *request.add_inputs();
      tensor.set_name(input.name);
      tensor.set_datatype(input.datatype);
      tensor.add_shape(static_cast<std::int64_t>(sequences.size()));
      const bool text = input.content == Content::kCharacters;
      if (input.dimensions == 2) tensor.add_shape(text ? 1 : static_cast<std::int64_t>(longest));
      request.add_raw_input_contents(text ? Text(sequences) : Tokens(input, rows, longest));
    }
    return rpc::SerializeMessage(request);
  }

  absl::StatusOr<ServerTimings> Read(const grpc::ByteBuffer& answer, const Trailers& trailers,
                                     std::size_t sequences) const override {
    inference::ModelInferResponse response;
    if (!rpc::ParseMessage(answer, response).ok()) return absl::InternalError("the answer is damaged");
    if (response.outputs().empty()) return absl::InternalError("the answer has no output");
    for (const auto& output : response.outputs()) {
      if (output.shape().empty() || output.shape(0) != static_cast<std::int64_t>(sequences)) {
        return absl::InternalError(absl::StrCat("the output '", output.name(), "' has the shape [",
                                                absl::StrJoin(output.shape(), ","), "] for ", sequences, " sequences"));
      }
    }
    return TimingsIn(trailers);
  }

 private:
  const std::string method_ = "/inference.GRPCInferenceService/ModelInfer";
  const std::string model_;
  const std::vector<Input> inputs_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Protocol>> SpeakOpenInference(const std::string& model, const Server& server,
                                                                   const std::shared_ptr<grpc::Channel>& channel,
                                                                   Duration patience) {
  grpc::ClientContext context;
  AddMetadata(server, context);
  context.set_deadline(WallClockAfter(patience));
  inference::ModelMetadataRequest request;
  request.set_name(model);
  inference::ModelMetadataResponse metadata;
  const grpc::Status status =
      inference::GRPCInferenceService::NewStub(channel)->ModelMetadata(&context, request, &metadata);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat("the server at ", server.target, " does not describe the model '", model,
                                     "': ", status.error_message(), "; check --target and --model"));
  }
  auto inputs = InputsOf(metadata);
  if (!inputs.ok()) return inputs.status();
  return std::make_unique<OpenInferenceProtocol>(model, *std::move(inputs));
}

}  // namespace smartbatch::loadgen
