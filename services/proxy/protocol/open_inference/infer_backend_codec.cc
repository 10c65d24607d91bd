#include <algorithm>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_writer.h>

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

using google::protobuf::internal::WireFormatLite;
using inference::ModelInferRequest;
using tensors::Element;
using tensors::kBytes;
using tensors::Product;
using tensors::RowOffsets;
using tensors::ShapeText;
using tensors::Shown;
using tensors::ToRaw;

absl::Status NoAnswer(const std::string& how) {
  return absl::InternalError(absl::StrCat("the backend's reply does not answer the batch: ", how));
}

// One input of a batch: the rows of all requests, one after the other.
struct MergedInput {
  std::int64_t padded_to = 0;  // 0: it is not padded
  std::string padding;         // several equal elements
  std::size_t bytes = 0;
};

// The number of bytes of padding that follow a row.
std::size_t PaddingOf(const Tensor& tensor, std::uint32_t row, const MergedInput& merged) {
  if (merged.padded_to == 0 || tensor.tail[0] == 0) return 0;
  const std::size_t bytes_of_a_step = tensor.Row(row).size() / static_cast<std::size_t>(tensor.tail[0]);
  return bytes_of_a_step * static_cast<std::size_t>(merged.padded_to - tensor.tail[0]);
}

void WritePadding(google::protobuf::io::CodedOutputStream& stream, const std::string& padding, std::size_t bytes) {
  for (std::size_t left = bytes; left > 0;) {
    const std::size_t step = std::min(left, padding.size());
    stream.WriteRaw(padding.data(), static_cast<int>(step));
    left -= step;
  }
}

std::vector<MergedInput> Merge(std::span<const RowRef> rows, const ModelSettings& settings) {
  const std::vector<Tensor>& inputs = PayloadOf(rows.front()).inputs();
  std::vector<MergedInput> merged(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto padded = settings.padded_inputs.find(inputs[i].name);
    if (padded != settings.padded_inputs.end()) {
      constexpr int kElements = 128;
      const std::string element =
          Element(inputs[i].datatype, padded->second).value();  // the customer's codec has checked it
      for (int n = 0; n < kElements; ++n) merged[i].padding += element;
      for (const RowRef& row : rows) {
        merged[i].padded_to = std::max(merged[i].padded_to, PayloadOf(row).inputs()[i].tail[0]);
      }
    }
    for (const RowRef& row : rows) {
      const Tensor& tensor = PayloadOf(row).inputs()[i];
      merged[i].bytes += tensor.Row(row.row).size() + PaddingOf(tensor, row.row, merged[i]);
    }
  }
  return merged;
}

absl::Status CheckAnswer(const inference::ModelInferResponse& response, const ModelInferRequest& request) {
  const int raw = response.raw_output_contents_size();
  if (response.outputs_size() == 0) return NoAnswer("it has no output");
  if (raw != 0 && raw != response.outputs_size()) {
    return NoAnswer(absl::StrCat(raw, " raw contents for ", response.outputs_size(), " outputs"));
  }
  std::set<std::string_view> names;
  for (const auto& output : response.outputs()) names.insert(output.name());
  if (names.size() != static_cast<std::size_t>(response.outputs_size())) return NoAnswer("it has an output twice");
  for (const auto& output : request.outputs()) {
    if (!names.contains(output.name())) {
      return NoAnswer(absl::StrCat("the output ", Shown(output.name()), ", which was asked for, is missing"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

const Method& InferBackendCodec::method() const {
  static const Method method{inference::GRPCInferenceService::service_full_name(), "ModelInfer"};
  return method;
}

HealthQuestion InferBackendCodec::health() const {
  inference::ModelReadyRequest question;
  question.set_name(model_->settings().name);
  return {{inference::GRPCInferenceService::service_full_name(), "ModelReady"},
          rpc::SerializeMessage(question),
          [](const grpc::ByteBuffer& answer) -> absl::StatusOr<bool> {
            inference::ModelReadyResponse response;
            if (!rpc::ParseMessage(answer, response).ok()) {
              return absl::InternalError("the answer to ModelReady is damaged");
            }
            return response.ready();
          }};
}

int InferBackendCodec::max_answer_bytes() const {
  constexpr std::uint64_t kMost = 1U << 30U;
  const std::uint64_t batch = model_->settings().max_request_bytes * model_->settings().max_batch_size;
  return static_cast<int>(std::min(batch, kMost));
}

// Writes a ModelInferRequest in its form on the wire: the tensors come last, straight from the requests.
grpc::ByteBuffer InferBackendCodec::Write(std::span<const RowRef> rows) const {
  const std::vector<MergedInput> merged = Merge(rows, model_->settings());
  rpc::ScratchMessage<ModelInferRequest> scratch;
  ModelInferRequest& head = *scratch;
  head = PayloadOf(rows.front()).head();
  head.clear_id();
  for (std::size_t i = 0; i < merged.size(); ++i) {
    auto& input = *head.mutable_inputs(static_cast<int>(i));
    input.set_shape(0, static_cast<std::int64_t>(rows.size()));
    if (merged[i].padded_to > 0) input.set_shape(1, merged[i].padded_to);
    SetBinaryDataSize(*input.mutable_parameters(), merged[i].bytes);
  }
  constexpr int kField = ModelInferRequest::kRawInputContentsFieldNumber;
  std::size_t bytes = head.ByteSizeLong();
  for (const MergedInput& input : merged) {
    bytes +=
        WireFormatLite::TagSize(kField, WireFormatLite::TYPE_BYTES) + WireFormatLite::LengthDelimitedSize(input.bytes);
  }
  grpc::ByteBuffer message;
  grpc::ProtoBufferWriter writer(&message, grpc::kProtoBufferWriterMaxBufferLength, static_cast<int>(bytes));
  google::protobuf::io::CodedOutputStream stream(&writer);
  head.SerializeToCodedStream(&stream);
  for (std::size_t i = 0; i < merged.size(); ++i) {
    WireFormatLite::WriteTag(kField, WireFormatLite::WIRETYPE_LENGTH_DELIMITED, &stream);
    stream.WriteVarint32(static_cast<std::uint32_t>(merged[i].bytes));
    for (const RowRef& row : rows) {
      const Tensor& tensor = PayloadOf(row).inputs()[i];
      const std::string_view own = tensor.Row(row.row);
      stream.WriteRaw(own.data(), static_cast<int>(own.size()));
      WritePadding(stream, merged[i].padding, PaddingOf(tensor, row.row, merged[i]));
    }
  }
  stream.Trim();
  return message;
}

absl::StatusOr<BatchResults> InferBackendCodec::Read(const grpc::ByteBuffer& message,
                                                     std::span<const RowRef> rows) const {
  // An answer may have packed numbers of any length, and besides them no more fields than any answer needs: a message
  // of many small fields would be fifty times as large when it is parsed.
  const std::uint64_t most_fields = kMostFields + message.Length() / kPackedBytesOfAField;
  if (HasMoreFields(message, *inference::ModelInferResponse::descriptor(), most_fields)) {
    return NoAnswer(absl::StrCat("its ", message.Length(), " bytes have more than ", most_fields,
                                 " fields, outputs and elements that are not raw"));
  }
  inference::ModelInferResponse response;
  if (!rpc::ParseMessage(message, response).ok()) {
    return absl::InternalError("the backend's reply is damaged: it is not a ModelInferResponse");
  }
  const ModelInferRequest& request = PayloadOf(rows.front()).head();
  if (auto status = CheckAnswer(response, request); !status.ok()) return status;
  std::vector<std::uint32_t> lengths;
  lengths.reserve(rows.size());
  for (const RowRef& row : rows) lengths.push_back(row.payload->lengths()[row.row]);
  const std::uint32_t longest = *std::max_element(lengths.begin(), lengths.end());
  const Model::Description description = model_->description();
  std::vector<Tensor> outputs(static_cast<std::size_t>(response.outputs_size()));
  for (int i = 0; i < response.outputs_size(); ++i) {
    auto& output = *response.mutable_outputs(i);
    Tensor& tensor = outputs[static_cast<std::size_t>(i)];
    tensor.name = output.name();
    tensor.datatype = output.datatype();
    const std::vector<std::int64_t> shape(output.shape().begin(), output.shape().end());
    const auto wrong = [&](const std::string& what) {
      return NoAnswer(absl::StrCat("output ", Shown(tensor.name), " of shape ", ShapeText(shape), ": ", what));
    };
    if (shape.empty() || shape[0] != static_cast<std::int64_t>(rows.size())) {
      return wrong(absl::StrCat("its first dimension must be ", rows.size(), ", the rows of the batch"));
    }
    // If the request gives an output parameters, such as for a classification, its datatype may differ.
    const bool as_described = std::none_of(request.outputs().begin(), request.outputs().end(),
                                           [](const auto& asked) { return !asked.parameters().empty(); });
    if (description.ok() && as_described) {
      const auto found = (*description)->outputs.find(tensor.name);
      if (found != (*description)->outputs.end() && !found->second.datatype.empty() &&
          found->second.datatype != tensor.datatype) {
        return wrong(
            absl::StrCat("its datatype is ", Shown(tensor.datatype), ", the model's is ", found->second.datatype));
      }
    }
    tensor.tail.assign(shape.begin() + 1, shape.end());
    const auto elements = Product(tensor.tail);
    if (!elements) return wrong("a dimension is negative, or the dimensions are too large");
    if (model_->settings().trimmed_outputs.contains(tensor.name) &&
        (tensor.datatype == kBytes || tensor.tail.empty() || tensor.tail[0] != longest)) {
      return wrong(absl::StrCat(
          "its second dimension must be ", longest,
          ", the longest row of the batch, and its elements numbers, since open_inference.trimmed_outputs names it"));
    }
    if (response.raw_output_contents_size() > 0) {
      tensor.raw = std::move(*response.mutable_raw_output_contents(i));
      // MLServer sends empty contents beside raw ones; they are dropped.
      if (output.has_contents()) output.mutable_contents()->Clear();
    } else {
      auto typed = ToRaw(tensor.datatype, output.contents());
      if (!typed.ok()) return wrong(std::string(typed.status().message()));
      tensor.raw = *std::move(typed);
      output.clear_contents();
    }
    auto offsets = RowOffsets(tensor.datatype, tensor.raw, rows.size(), *elements);
    if (!offsets.ok()) return wrong(std::string(offsets.status().message()));
    tensor.offsets = *std::move(offsets);
  }
  response.clear_raw_output_contents();
  const auto answer =
      std::make_shared<const InferAnswer>(std::move(response), std::move(outputs), std::move(lengths), longest);
  BatchResults results;
  results.reserve(rows.size());
  for (std::uint32_t row = 0; row < rows.size(); ++row) results.push_back({answer, row});
  return results;
}

}  // namespace smartbatch::protocol::open_inference
