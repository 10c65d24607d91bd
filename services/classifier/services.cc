#include "services/classifier/services.h"

#include <memory>
#include <optional>

#include "services/classifier/classify_exchange.h"
#include "services/classifier/infer_exchange.h"
#include "services/classifier/served_models.h"
#include "services/rpc/raw_message.h"

namespace smartbatch::classifier {
namespace {

// Answers a call at once: `answer` gets the request and fills the response, or says what is wrong.
template <class Request, class Response, class Answer>
grpc::ServerUnaryReactor* AnswerAtOnce(grpc::CallbackServerContext& context, const grpc::ByteBuffer& bytes,
                                       grpc::ByteBuffer& response_bytes, const Answer& answer) {
  Request request;
  Response response;
  grpc::Status status = rpc::ParseMessage(bytes, request);
  if (status.ok()) status = answer(request, response);
  if (status.ok()) response_bytes = rpc::SerializeMessage(response);
  auto* const reactor = context.DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

// The same for a request that names a model, which `answer` gets too.
template <class Request, class Response, class Answer>
grpc::ServerUnaryReactor* AnswerForModel(const EngineDescription& engine, grpc::CallbackServerContext& context,
                                         const grpc::ByteBuffer& bytes, grpc::ByteBuffer& response_bytes,
                                         const Answer& answer) {
  return AnswerAtOnce<Request, Response>(
      context, bytes, response_bytes, [&](const Request& request, Response& response) -> grpc::Status {
        const std::optional<ModelInput> model = FindModel(engine, request.name(), request.version());
        if (!model) return UnknownModel(request.name(), request.version());
        answer(*model, response);
        return grpc::Status::OK;
      });
}

}  // namespace

grpc::ServerUnaryReactor* ClassifierService::Classify(grpc::CallbackServerContext* context,
                                                      const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return intake_.Take(std::make_unique<ClassifyExchange>(limits_), *context, *request, *response);
}

InferenceService::Reactor* InferenceService::ServerLive(Context* context, const Bytes* request, Bytes* response) {
  return AnswerAtOnce<inference::ServerLiveRequest, inference::ServerLiveResponse>(*context, *request, *response,
                                                                                   [](const auto&, auto& answer) {
                                                                                     answer.set_live(true);
                                                                                     return grpc::Status::OK;
                                                                                   });
}

InferenceService::Reactor* InferenceService::ServerReady(Context* context, const Bytes* request, Bytes* response) {
  return AnswerAtOnce<inference::ServerReadyRequest, inference::ServerReadyResponse>(
      *context, *request, *response, [this](const auto&, auto& answer) {
        answer.set_ready(!intake_.IsRefusing());
        return grpc::Status::OK;
      });
}

InferenceService::Reactor* InferenceService::ServerMetadata(Context* context, const Bytes* request, Bytes* response) {
  return AnswerAtOnce<inference::ServerMetadataRequest, inference::ServerMetadataResponse>(
      *context, *request, *response, [](const auto&, auto& answer) {
        answer.set_name("smartbatch-classifier");
        answer.set_version(SMARTBATCH_VERSION);
        return grpc::Status::OK;
      });
}

InferenceService::Reactor* InferenceService::ModelReady(Context* context, const Bytes* request, Bytes* response) {
  return AnswerForModel<inference::ModelReadyRequest, inference::ModelReadyResponse>(
      engine_, *context, *request, *response,
      [this](ModelInput, auto& answer) { answer.set_ready(!intake_.IsRefusing()); });
}

InferenceService::Reactor* InferenceService::ModelMetadata(Context* context, const Bytes* request, Bytes* response) {
  return AnswerForModel<inference::ModelMetadataRequest, inference::ModelMetadataResponse>(
      engine_, *context, *request, *response,
      [this](ModelInput model, auto& answer) { answer = MetadataOf(engine_, model); });
}

InferenceService::Reactor* InferenceService::ModelConfig(Context* context, const Bytes* request, Bytes* response) {
  return AnswerForModel<inference::ModelConfigRequest, inference::ModelConfigResponse>(
      engine_, *context, *request, *response, [this](ModelInput model, auto& answer) {
        *answer.mutable_config() = ConfigOf(engine_, model, limits_.max_sequences);
      });
}

InferenceService::Reactor* InferenceService::ModelInfer(Context* context, const Bytes* request, Bytes* response) {
  return intake_.Take(std::make_unique<InferExchange>(engine_, limits_), *context, *request, *response);
}

}  // namespace smartbatch::classifier
