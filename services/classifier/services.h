// The gRPC services of the classifier.
#pragma once

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "inference/open_inference.grpc.pb.h"
#include "services/classifier/engines/engine.h"
#include "services/classifier/intake.h"
#include "services/rpc/sequences.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"

namespace smartbatch::classifier {

using RawClassifierService = v1::ClassifierService::WithRawCallbackMethod_Classify<v1::ClassifierService::Service>;

// Our own contract. Thread safe. The intake must outlive it.
class ClassifierService final : public RawClassifierService {
 public:
  ClassifierService(const rpc::SequenceLimits& limits, Intake& intake) : limits_(limits), intake_(intake) {}

  using RawClassifierService::Classify;
  grpc::ServerUnaryReactor* Classify(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;

 private:
  const rpc::SequenceLimits limits_;
  Intake& intake_;
};

using inference::GRPCInferenceService;
// Every method is a callback: gRPC would start threads for one that is not.
using UnimplementedInference =
    GRPCInferenceService::WithCallbackMethod_ModelStreamInfer<GRPCInferenceService::WithCallbackMethod_ModelStatistics<
        GRPCInferenceService::WithCallbackMethod_RepositoryIndex<GRPCInferenceService::Service>>>;
using RawInferenceService = GRPCInferenceService::WithRawCallbackMethod_ServerLive<
    GRPCInferenceService::WithRawCallbackMethod_ServerReady<GRPCInferenceService::WithRawCallbackMethod_ServerMetadata<
        GRPCInferenceService::WithRawCallbackMethod_ModelReady<
            GRPCInferenceService::WithRawCallbackMethod_ModelMetadata<
                GRPCInferenceService::WithRawCallbackMethod_ModelConfig<
                    GRPCInferenceService::WithRawCallbackMethod_ModelInfer<UnimplementedInference>>>>>>>;

// The Open Inference Protocol: what a client asks before it sends requests, and ModelInfer. The rest is UNIMPLEMENTED.
// Thread safe. The engine and the intake must outlive it.
class InferenceService final : public RawInferenceService {
 public:
  using Reactor = grpc::ServerUnaryReactor;
  using Context = grpc::CallbackServerContext;
  using Bytes = grpc::ByteBuffer;

  InferenceService(const Engine& engine, const rpc::SequenceLimits& limits, Intake& intake)
      : engine_(engine.description()), limits_(limits), intake_(intake) {}

  using RawInferenceService::ModelConfig;
  using RawInferenceService::ModelInfer;
  using RawInferenceService::ModelMetadata;
  using RawInferenceService::ModelReady;
  using RawInferenceService::ServerLive;
  using RawInferenceService::ServerMetadata;
  using RawInferenceService::ServerReady;
  Reactor* ServerLive(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ServerReady(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ServerMetadata(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ModelReady(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ModelMetadata(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ModelConfig(Context* context, const Bytes* request, Bytes* response) override;
  Reactor* ModelInfer(Context* context, const Bytes* request, Bytes* response) override;

 private:
  const EngineDescription& engine_;
  const rpc::SequenceLimits limits_;
  Intake& intake_;
};

}  // namespace smartbatch::classifier
