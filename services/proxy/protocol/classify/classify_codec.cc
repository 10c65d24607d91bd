#include "services/proxy/protocol/classify/classify_codec.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_cat.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/support/proto_buffer_writer.h>

#include "common/one_line.h"
#include "grpc/health/v1/health.pb.h"
#include "services/proxy/protocol/classify/texts.h"
#include "services/proxy/protocol/message_weight.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/scratch_message.h"
#include "services/rpc/status_details.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::protocol::classify {
namespace {

using google::protobuf::internal::WireFormatLite;

// At least; and the largest request that a model takes, with the name of the model.
std::uint64_t MostFields(const std::vector<ModelTexts>& models) {
  std::uint64_t most = 1024;
  for (const ModelTexts& model : models) most = std::max<std::uint64_t>(most, model.limits.max_sequences + 1);
  return most;
}

constexpr int kSequences = classifier::v1::ClassifyRequest::kSequencesFieldNumber;

grpc::Status NoSuchModel(const std::string& name, const std::string& the_default) {
  constexpr std::size_t kMostBytes = 100;
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("there is no model '", OneLine(rpc::Shortened(name, kMostBytes)),
                       "'; name one that GetStatus lists, or none for '", the_default, "'")};
}

absl::Status BreaksTheContract(const std::string& how) {
  return absl::InternalError(absl::StrCat("the backend's reply does not answer the batch: ", how));
}

}  // namespace

ClassifyCustomerCodec::ClassifyCustomerCodec(std::vector<ModelTexts> models)
    : models_(std::move(models)), most_fields_(MostFields(models_)) {}

const Method& ClassifyCustomerCodec::method() const {
  static const Method method{proxy::v1::ProxyService::service_full_name(), "ProxyClassify"};
  return method;
}

double ClassifyCustomerCodec::max_request_bytes() const {
  constexpr double kMaxBytesPerCharacter = 4;
  constexpr double kBytesOfAField = 16;
  double most = 0;
  for (const ModelTexts& model : models_) {
    const auto characters = static_cast<double>(model.limits.max_characters);
    most = std::max(
        most, static_cast<double>(model.limits.max_sequences) * (characters * kMaxBytesPerCharacter + kBytesOfAField));
  }
  return most;
}

const ModelTexts* ClassifyCustomerCodec::Find(std::string_view model) const {
  if (model.empty()) return &models_.front();
  for (const ModelTexts& each : models_) {  // few
    if (each.name == model) return &each;
  }
  return nullptr;
}

grpc::Status ClassifyCustomerCodec::Read(const grpc::ByteBuffer& message,
                                         std::shared_ptr<const Payload>& payload) const {
  // Empty texts take two bytes each: without this, half a megabyte of them would be parsed for some 8 ms.
  const std::uint64_t most = most_fields_;
  if (HasMoreFields(message, *proxy::v1::ProxyClassifyRequest::descriptor(), most)) {
    return rpc::InvalidArgument("sequences", absl::StrCat("the request has more than ", most, " sequences; 1 to ",
                                                          models_.front().limits.max_sequences,
                                                          " are allowed, send the rest in other requests"));
  }
  rpc::ScratchMessage<proxy::v1::ProxyClassifyRequest> scratch;
  proxy::v1::ProxyClassifyRequest& request = *scratch;
  if (auto status = rpc::ParseMessage(message, request); !status.ok()) return status;
  const ModelTexts* const model = Find(request.model());
  if (model == nullptr) return NoSuchModel(request.model(), models_.front().name);
  std::vector<std::size_t> lengths;
  if (auto status = rpc::CheckSequences(request.sequences(), model->limits, lengths); !status.ok()) return status;
  if (model->vocabulary) {
    std::transform(request.sequences().begin(), request.sequences().end(), lengths.begin(),
                   [&](const std::string& text) { return model->vocabulary->Count(text); });
  }
  payload = std::make_shared<const Texts>(
      std::vector<std::string>(std::make_move_iterator(request.mutable_sequences()->begin()),
                               std::make_move_iterator(request.mutable_sequences()->end())),
      std::vector<std::uint32_t>(lengths.begin(), lengths.end()), std::move(*request.mutable_model()));
  return grpc::Status::OK;
}

absl::StatusOr<grpc::ByteBuffer> ClassifyCustomerCodec::Write(const Payload& /*payload*/,
                                                              std::span<const RowResult> results,
                                                              const Timings& timings) const {
  rpc::ScratchMessage<proxy::v1::ProxyClassifyResponse> scratch;
  proxy::v1::ProxyClassifyResponse& response = *scratch;
  response.mutable_results()->Reserve(static_cast<int>(results.size()));
  for (const RowResult& result : results) {
    const Classification& classification = ClassificationOf(result);
    auto& out = *response.add_results();
    out.set_label(classification.label);
    out.set_confidence(classification.confidence);
  }
  response.set_proxy_latency_ms(ToMilliseconds(timings.latency));
  auto& told = *response.mutable_timings();
  told.set_queue_ms(ToMilliseconds(timings.queued));
  told.set_service_ms(ToMilliseconds(timings.in_service));
  told.set_strategy(timings.strategy.data(), timings.strategy.size());
  told.set_dispatch_reason(timings.dispatch_reason.data(), timings.dispatch_reason.size());
  told.mutable_batch_sizes()->Add(timings.batch_sizes.begin(), timings.batch_sizes.end());
  told.set_batches(static_cast<std::uint32_t>(timings.batch_sizes.size()));
  return rpc::SerializeMessage(response);
}

const Method& ClassifyBackendCodec::method() const {
  static const Method method{classifier::v1::ClassifierService::service_full_name(), "Classify"};
  return method;
}

HealthQuestion ClassifyBackendCodec::health() const {
  // An empty message asks about the server as a whole.
  return {{"grpc.health.v1.Health", "Check"},
          rpc::SerializeMessage(grpc::health::v1::HealthCheckRequest()),
          [](const grpc::ByteBuffer& answer) -> absl::StatusOr<bool> {
            grpc::health::v1::HealthCheckResponse response;
            if (!rpc::ParseMessage(answer, response).ok()) {
              return absl::InternalError("the answer to the health check is damaged");
            }
            return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
          }};
}

int ClassifyBackendCodec::max_answer_bytes() const {
  constexpr int kAtLeast = 4 * 1024 * 1024;
  constexpr int kBytesOfOneResult = 16 * 1024;
  return std::max(kAtLeast, static_cast<int>(max_batch_size_) * kBytesOfOneResult);
}

// Writes a ClassifyRequest in its form on the wire: a message object would be one more copy of the texts.
grpc::ByteBuffer ClassifyBackendCodec::Write(std::span<const RowRef> rows) const {
  std::size_t bytes = 0;
  for (const RowRef& row : rows) {
    bytes += WireFormatLite::TagSize(kSequences, WireFormatLite::TYPE_STRING) + WireFormatLite::StringSize(TextOf(row));
  }
  grpc::ByteBuffer message;
  grpc::ProtoBufferWriter writer(&message, grpc::kProtoBufferWriterMaxBufferLength, static_cast<int>(bytes));
  google::protobuf::io::CodedOutputStream stream(&writer);
  for (const RowRef& row : rows) WireFormatLite::WriteString(kSequences, TextOf(row), &stream);
  stream.Trim();
  return message;
}

absl::StatusOr<BatchResults> ClassifyBackendCodec::Read(const grpc::ByteBuffer& message,
                                                        std::span<const RowRef> rows) const {
  rpc::ScratchMessage<classifier::v1::ClassifyResponse> scratch;
  classifier::v1::ClassifyResponse& reply = *scratch;
  if (!rpc::ParseMessage(message, reply).ok()) {
    return absl::InternalError("the backend's reply is damaged: it is not a ClassifyResponse");
  }
  if (static_cast<std::size_t>(reply.results_size()) != rows.size()) {
    return BreaksTheContract(absl::StrCat(reply.results_size(), " results for ", rows.size(), " sequences"));
  }
  std::vector<Classification> classifications;
  classifications.reserve(rows.size());
  for (auto& result : *reply.mutable_results()) {
    const double confidence = result.confidence();
    const bool is_from_0_to_1 = confidence >= 0 && confidence <= 1;  // false for NaN
    if (!is_from_0_to_1) {
      return BreaksTheContract(
          absl::StrCat("confidence ", confidence, " of result ", classifications.size(), "; it must be from 0 to 1"));
    }
    if (result.label().empty()) {
      return BreaksTheContract(absl::StrCat("the label of result ", classifications.size(), " is empty"));
    }
    classifications.push_back({std::move(*result.mutable_label()), confidence});
  }
  return ResultsOf(std::move(classifications));
}

}  // namespace smartbatch::protocol::classify
