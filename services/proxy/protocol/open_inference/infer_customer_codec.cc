#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>

#include "common/one_line.h"
#include "common/time.h"
#include "inference/open_inference.grpc.pb.h"
#include "services/proxy/protocol/message_weight.h"
#include "services/proxy/protocol/open_inference/infer_codec.h"
#include "services/proxy/protocol/open_inference/tensors.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/scratch_message.h"
#include "services/rpc/status_details.h"
#include "services/tensors/elements.h"

namespace smartbatch::protocol::open_inference {
namespace {

using inference::ModelInferRequest;
using tensors::Characters;
using tensors::Element;
using tensors::ElementBytes;
using tensors::HasContents;
using tensors::kBytes;
using tensors::Product;
using tensors::RowOffsets;
using tensors::ShapeText;
using tensors::Shown;
using tensors::Tokens;
using tensors::ToRaw;
using InputTensor = ModelInferRequest::InferInputTensor;
using Parameters = google::protobuf::Map<std::string, inference::InferParameter>;

// More than any model has.
constexpr int kMostTensors = 256;

grpc::Status Wrong(const std::string& field, const std::string& what) {
  constexpr std::size_t kMostBytes = 120;
  return rpc::InvalidArgument(OneLine(rpc::Shortened(field, kMostBytes)), what);
}
grpc::Status WrongInput(const std::string& name, const std::string& what) {
  return Wrong(absl::StrCat("inputs[", name, "]"), what);
}

grpc::Status FromAbsl(const absl::Status& status) {
  return {static_cast<grpc::StatusCode>(status.raw_code()), std::string(status.message())};
}

grpc::Status CheckSharedMemory(const Parameters& parameters) {
  const auto found = parameters.find("shared_memory_region");
  if (found == parameters.end()) return grpc::Status::OK;
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("Unable to find shared memory region: ", Shown(found->second.string_param()),
                       "; the proxy has no shared memory, send the tensor in the message")};
}

// Takes the parameters for the server's queue off the request, which waits in the proxy's: they are not passed on and
// keep no requests apart. `timeout`, in microseconds, is set to the request's; 0 and less mean none. `priority` says
// nothing here, since the operator decides who goes first.
grpc::Status TakeQueueParameters(Parameters& parameters, Duration& timeout) {
  if (const auto found = parameters.find("timeout"); found != parameters.end()) {
    if (!found->second.has_int64_param()) return Wrong("parameters[timeout]", "it must be an int64_param");
    const std::int64_t most = std::chrono::duration_cast<std::chrono::microseconds>(Duration::max()).count();
    const std::int64_t given = found->second.int64_param();
    if (given > 0) timeout = std::chrono::microseconds(std::min(given, most));
    parameters.erase(found);
  }
  if (const auto found = parameters.find("priority"); found != parameters.end()) {
    if (!found->second.has_uint64_param() && (!found->second.has_int64_param() || found->second.int64_param() < 0)) {
      return Wrong("parameters[priority]", "it must be a uint64_param or an int64_param of at least 0");
    }
    parameters.erase(found);
  }
  return grpc::Status::OK;
}

// --- The key: a list of parts, each encoded so that its end is clear ---

void AppendPart(std::string& key, std::string_view part) {
  key += std::to_string(part.size());
  key += ':';
  key += part;
}

void AppendParameters(std::string& key, const Parameters& parameters) {
  std::vector<std::string> names;
  for (const auto& [name, value] : parameters) names.push_back(name);
  std::sort(names.begin(), names.end());
  AppendPart(key, std::to_string(names.size()));
  for (const std::string& name : names) {
    AppendPart(key, name);
    AppendPart(key, parameters.at(name).SerializeAsString());
  }
}

// --- One input ---

struct InputReader {
  const ModelSettings& settings;
  const ModelDescription& model;

  bool IsPadded(const std::string& name) const { return settings.padded_inputs.contains(name); }

  // Checks the shape and the datatype of the input, by themselves and against the model's description.
  grpc::Status CheckShape(const InputTensor& input) const {
    const std::string& name = input.name();
    const std::vector<std::int64_t> shape(input.shape().begin(), input.shape().end());
    if (!ElementBytes(input.datatype())) {
      return WrongInput(name, absl::StrCat("the datatype ", Shown(input.datatype()), " is unknown"));
    }
    if (shape.empty() || shape[0] < 1 || shape[0] > model.max_request_rows) {
      return WrongInput(
          name, absl::StrCat("the shape is ", ShapeText(shape), "; its first dimension is the number of rows, 1 to ",
                             model.max_request_rows, ", send the rest in other requests"));
    }
    if (!Product(shape)) {
      return WrongInput(name,
                        absl::StrCat("the shape ", ShapeText(shape), " has a negative dimension or too many elements"));
    }
    if (IsPadded(name) && (shape.size() < 2 || shape[1] < 1 || input.datatype() == kBytes)) {
      return WrongInput(name, absl::StrCat("the shape is ", ShapeText(shape), " of ", input.datatype(),
                                           "; it is padded (open_inference.padded_inputs), which needs numbers and a "
                                           "second dimension of at least 1"));
    }
    const auto padded = settings.padded_inputs.find(name);
    if (padded != settings.padded_inputs.end() && !Element(input.datatype(), padded->second).ok()) {
      return WrongInput(name, absl::StrCat("the datatype is ", input.datatype(), ", which cannot hold the padding ",
                                           padded->second, " (open_inference.padded_inputs)"));
    }
    if (model.inputs.empty()) return grpc::Status::OK;
    const auto found = model.inputs.find(name);
    if (found == model.inputs.end()) return WrongInput(name, "the model has no such input");
    const TensorDescription& described = found->second;
    if (!described.datatype.empty() && described.datatype != input.datatype()) {
      return WrongInput(name,
                        absl::StrCat("the datatype is ", input.datatype(), "; the model's is ", described.datatype));
    }
    const auto fits = [&] {
      if (described.shape.size() != shape.size()) return false;
      for (std::size_t i = 1; i < shape.size(); ++i) {
        if (described.shape[i] >= 0 && described.shape[i] != shape[i]) return false;
      }
      return true;
    };
    if (!described.shape.empty() && !fits()) {
      return WrongInput(
          name, absl::StrCat("the shape is ", ShapeText(shape), "; the model's is ", ShapeText(described.shape)));
    }
    return grpc::Status::OK;
  }

  // Fills in the tensor. Its contents are taken from `raw` or from the input.
  grpc::Status Read(InputTensor& input, std::string* raw, Tensor& tensor) const {
    tensor.name = input.name();
    tensor.datatype = input.datatype();
    tensor.tail.assign(input.shape().begin() + 1, input.shape().end());
    if (raw != nullptr) {
      tensor.raw = std::move(*raw);
    } else {
      auto typed = ToRaw(tensor.datatype, input.contents());
      if (!typed.ok()) return WrongInput(tensor.name, std::string(typed.status().message()));
      tensor.raw = *std::move(typed);
    }
    auto offsets =
        RowOffsets(tensor.datatype, tensor.raw, static_cast<std::uint64_t>(input.shape(0)), *Product(tensor.tail));
    if (!offsets.ok()) return WrongInput(tensor.name, std::string(offsets.status().message()));
    tensor.offsets = *std::move(offsets);
    return grpc::Status::OK;
  }

  // Returns true if the tensor's second dimension is the length of its rows: it has numbers, and that dimension may
  // differ between requests.
  bool HasLength(const Tensor& tensor) const {
    if (tensor.datatype == kBytes || tensor.tail.empty()) return false;
    if (IsPadded(tensor.name)) return true;
    const auto found = model.inputs.find(tensor.name);
    return settings.padded_inputs.empty() && found != model.inputs.end() && found->second.shape.size() > 1 &&
           found->second.shape[1] < 0;
  }
};

// `text_length` of a row of a BYTES tensor.
std::vector<std::uint64_t> LengthsOf(const InputReader& reader, const std::vector<Tensor>& inputs, std::size_t rows,
                                     const std::function<std::uint64_t(std::string_view)>& text_length) {
  std::uint64_t dimension = 0;
  for (const Tensor& input : inputs) {
    if (reader.HasLength(input)) dimension = std::max(dimension, static_cast<std::uint64_t>(input.tail[0]));
  }
  std::vector<std::uint64_t> lengths(rows, dimension);
  for (std::uint32_t row = 0; row < rows && dimension == 0; ++row) {
    for (const Tensor& input : inputs) {
      if (input.datatype == kBytes) lengths[row] += text_length(input.Row(row));
    }
  }
  for (std::uint64_t& length : lengths) length = std::max<std::uint64_t>(length, 1);
  return lengths;
}

std::string KeyOf(const InputReader& reader, const ModelInferRequest& request) {
  std::string key;
  AppendPart(key, request.model_version());
  AppendParameters(key, request.parameters());
  AppendPart(key, std::to_string(request.outputs_size()));
  for (const auto& output : request.outputs()) {
    AppendPart(key, output.name());
    AppendParameters(key, output.parameters());
  }
  for (const InputTensor& input : request.inputs()) {
    AppendPart(key, input.name());
    AppendPart(key, input.datatype());
    AppendParameters(key, input.parameters());
    AppendPart(key, std::to_string(input.shape_size()));
    // The first dimension is the number of rows; the second dimension of a padded input is made equal by padding.
    for (int i = reader.IsPadded(input.name()) ? 2 : 1; i < input.shape_size(); ++i) {
      AppendPart(key, std::to_string(input.shape(i)));
    }
  }
  return key;
}

// A classification makes the output's largest elements of it. Triton 2.51 dies of one of texts, with all requests that
// it has; and in a row that is padded it would take the padding for elements.
grpc::Status CheckClassification(const InputReader& reader, const std::string& name) {
  const auto described = reader.model.outputs.find(name);
  const bool is_text = described != reader.model.outputs.end() && described->second.datatype == kBytes;
  if (!is_text && !reader.settings.trimmed_outputs.contains(name)) return grpc::Status::OK;
  return Wrong(absl::StrCat("outputs[", name, "]"),
               "it cannot be classified, since it is text or has padding (open_inference.trimmed_outputs)");
}

grpc::Status CheckOutputs(const InputReader& reader, const ModelInferRequest& request) {
  if (request.outputs_size() > kMostTensors) {
    return Wrong("outputs", absl::StrCat("the request asks for ", request.outputs_size(), " outputs; at most ",
                                         kMostTensors, " are allowed"));
  }
  for (const auto& output : request.outputs()) {
    if (auto status = CheckSharedMemory(output.parameters()); !status.ok()) return status;
    if (!reader.model.outputs.empty() && !reader.model.outputs.contains(output.name())) {
      return Wrong(absl::StrCat("outputs[", output.name(), "]"), "the model has no such output");
    }
    if (!output.parameters().contains("classification")) continue;
    if (auto status = CheckClassification(reader, output.name()); !status.ok()) return status;
  }
  return grpc::Status::OK;
}

// Checks everything that can be checked without the contents.
grpc::Status CheckInputs(const InputReader& reader, const ModelInferRequest& request) {
  const int count = request.inputs_size();
  if (count < 1 || count > kMostTensors) {
    return Wrong("inputs", absl::StrCat("the request has ", count, " inputs; 1 to ", kMostTensors, " are allowed"));
  }
  std::set<std::string_view> names;
  for (const InputTensor& input : request.inputs()) {
    if (!names.insert(input.name()).second) return WrongInput(input.name(), "it is given twice; give it once");
    if (auto status = CheckSharedMemory(input.parameters()); !status.ok()) return status;
    if (auto status = reader.CheckShape(input); !status.ok()) return status;
    if (input.shape(0) != request.inputs(0).shape(0)) {
      return WrongInput(input.name(),
                        absl::StrCat("it has ", input.shape(0), " rows and the first input has ",
                                     request.inputs(0).shape(0), "; all inputs must have the same number of rows"));
    }
  }
  for (const auto& [name, described] : reader.model.inputs) {
    if (!described.optional && !names.contains(name)) {
      return WrongInput(name, absl::StrCat("it is missing; the model needs ", reader.model.inputs.size(), " inputs"));
    }
  }
  const int raw = request.raw_input_contents_size();
  if (raw != 0 && raw != count) {
    return Wrong("raw_input_contents",
                 absl::StrCat("there are ", raw, " for ", count, " inputs; send one for each input, or none"));
  }
  for (const InputTensor& input : request.inputs()) {
    if (raw != 0 && HasContents(input.contents())) {
      return WrongInput(input.name(), "it has contents beside raw_input_contents; send only one of the two");
    }
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status CheckWeight(const grpc::ByteBuffer& message) {
  if (!HasMoreFields(message, *ModelInferRequest::descriptor(), kMostFields)) return grpc::Status::OK;
  return Wrong("(message)", absl::StrCat("the message has more than ", kMostFields,
                                         " fields, tensors and elements that are not raw; send fewer tensors, and "
                                         "their elements in raw_input_contents"));
}

const Method& InferCustomerCodec::method() const {
  static const Method method{inference::GRPCInferenceService::service_full_name(), "ModelInfer"};
  return method;
}

double InferCustomerCodec::max_request_bytes() const {
  std::uint64_t most = 0;
  for (const auto& model : models_.all()) most = std::max(most, model->settings().max_request_bytes);
  return static_cast<double>(most);
}

grpc::Status InferCustomerCodec::Read(const grpc::ByteBuffer& message, std::shared_ptr<const Payload>& payload) const {
  if (auto status = CheckWeight(message); !status.ok()) return status;
  ModelInferRequest request;
  if (auto status = rpc::ParseMessage(message, request); !status.ok()) return status;
  return Read(std::move(request), payload);
}

grpc::Status InferCustomerCodec::Read(ModelInferRequest request, std::shared_ptr<const Payload>& payload) const {
  const auto model = models_.Find(request.model_name(), request.model_version());
  if (!model.ok()) return FromAbsl(model.status());
  const Model::Description description = (*model)->description();
  if (!description.ok()) return FromAbsl(description.status());
  const InputReader reader{(*model)->settings(), **description};
  if (auto status = CheckInputs(reader, request); !status.ok()) return status;
  if (auto status = CheckOutputs(reader, request); !status.ok()) return status;
  Duration timeout = Duration::max();
  if (auto status = TakeQueueParameters(*request.mutable_parameters(), timeout); !status.ok()) return status;
  std::vector<Tensor> inputs(static_cast<std::size_t>(request.inputs_size()));
  for (int i = 0; i < request.inputs_size(); ++i) {
    std::string* const raw = request.raw_input_contents_size() > 0 ? request.mutable_raw_input_contents(i) : nullptr;
    auto status = reader.Read(*request.mutable_inputs(i), raw, inputs[static_cast<std::size_t>(i)]);
    if (!status.ok()) return status;
  }
  const auto rows = static_cast<std::size_t>(request.inputs(0).shape(0));
  std::vector<std::uint64_t> lengths = LengthsOf(reader, inputs, rows, Characters);
  const std::uint64_t longest = *std::max_element(lengths.begin(), lengths.end());
  if (longest > reader.settings.max_length) {
    return Wrong("inputs", absl::StrCat("a row has length ", longest, "; 1 to ", reader.settings.max_length,
                                        " are allowed (limits.max_sequence_length), send it in pieces"));
  }
  if (const WordPieces* const vocabulary = reader.settings.vocabulary.get()) {
    lengths = LengthsOf(reader, inputs, rows, [=](std::string_view raw) { return Tokens(raw, *vocabulary); });
  }
  request.clear_raw_input_contents();
  for (InputTensor& input : *request.mutable_inputs()) {
    input.clear_contents();
    SetBinaryDataSize(*input.mutable_parameters(), 0);
  }
  std::string key = KeyOf(reader, request);
  payload = std::make_shared<const InferPayload>(std::move(request), std::move(inputs),
                                                 std::vector<std::uint32_t>(lengths.begin(), lengths.end()),
                                                 std::move(key), timeout);
  return grpc::Status::OK;
}

absl::Status InferCustomerCodec::Answer(const Payload& payload, std::span<const RowResult> results,
                                        inference::ModelInferResponse& response) const {
  const auto& request = static_cast<const InferPayload&>(payload).head();
  const InferAnswer& first = AnswerOf(results.front());
  const auto& trimmed_outputs = models_[request.model_name()].settings().trimmed_outputs;
  response = first.head();
  response.set_model_name(request.model_name());
  response.set_id(request.id());
  for (std::size_t i = 0; i < first.outputs().size(); ++i) {
    const Tensor& like = first.outputs()[i];
    const bool trimmed = trimmed_outputs.contains(like.name);
    std::string& raw = *response.add_raw_output_contents();
    for (const RowResult& result : results) {
      const InferAnswer& answer = AnswerOf(result);
      const Tensor* const output = i < answer.outputs().size() ? &answer.outputs()[i] : nullptr;
      const std::size_t fixed = trimmed ? 1 : 0;  // the tail from here on must be equal
      const bool equal = output != nullptr && answer.outputs().size() == first.outputs().size() &&
                         output->name == like.name && output->datatype == like.datatype &&
                         output->tail.size() == like.tail.size() &&
                         std::equal(like.tail.begin() + static_cast<std::ptrdiff_t>(fixed), like.tail.end(),
                                    output->tail.begin() + static_cast<std::ptrdiff_t>(fixed));
      if (!equal) {
        return absl::InternalError(absl::StrCat(
            "the backend's answers to two parts of this request do not fit together in the output ", Shown(like.name),
            "; if its second dimension is the padded inputs' length, name it in open_inference.trimmed_outputs"));
      }
      std::string_view row = output->Row(result.row);
      if (trimmed) row = row.substr(0, row.size() / answer.longest() * answer.LengthOf(result.row));
      raw += row;
    }
    auto& out = *response.mutable_outputs(static_cast<int>(i));
    SetBinaryDataSize(*out.mutable_parameters(), raw.size());
    out.clear_shape();
    out.add_shape(static_cast<std::int64_t>(results.size()));
    for (std::size_t d = 0; d < like.tail.size(); ++d) {
      out.add_shape(trimmed && d == 0 ? first.LengthOf(results.front().row) : like.tail[d]);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<grpc::ByteBuffer> InferCustomerCodec::Write(const Payload& payload, std::span<const RowResult> results,
                                                           const Timings& /*timings*/) const {
  rpc::ScratchMessage<inference::ModelInferResponse> response;
  if (auto status = Answer(payload, results, *response); !status.ok()) return status;
  return rpc::SerializeMessage(*response);
}

}  // namespace smartbatch::protocol::open_inference
