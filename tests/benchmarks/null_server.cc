// A server that does nothing: it speaks the proxy's contract, the classifier's, and the Open Inference Protocol for one
// model, and answers every request at once, asynchronously on completion queues. The rate that a load generator reaches
// against it is the generator's own limit, the cost of a request is that of gRPC alone, and a proxy in front of it has
// a backend that takes no time.
//
//   benchmark-null-server --listen 127.0.0.1:50071 --threads 1
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "common/program/flags.h"
#include "common/program/signals.h"
#include "inference/open_inference.grpc.pb.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch {
namespace {

// A method: the types of its calls, and its answer.
struct ProxyClassify {
  using Service = proxy::v1::ProxyService::AsyncService;
  using Request = proxy::v1::ProxyClassifyRequest;
  using Response = proxy::v1::ProxyClassifyResponse;
  static constexpr auto kAwait = &Service::RequestProxyClassify;
  static void Answer(const Request& request, Response& response);
};
struct Classify {
  using Service = classifier::v1::ClassifierService::AsyncService;
  using Request = classifier::v1::ClassifyRequest;
  using Response = classifier::v1::ClassifyResponse;
  static constexpr auto kAwait = &Service::RequestClassify;
  static void Answer(const Request& request, Response& response);
};
// A model `null` with an input TEXT of strings and an output SCORE, a number a row.
struct ModelInfer {
  using Service = inference::GRPCInferenceService::AsyncService;
  using Request = inference::ModelInferRequest;
  using Response = inference::ModelInferResponse;
  static constexpr auto kAwait = &Service::RequestModelInfer;
  static void Answer(const Request& request, Response& response);
};
struct ModelMetadata {
  using Service = inference::GRPCInferenceService::AsyncService;
  using Request = inference::ModelMetadataRequest;
  using Response = inference::ModelMetadataResponse;
  static constexpr auto kAwait = &Service::RequestModelMetadata;
  static void Answer(const Request& request, Response& response);
};
struct ModelConfig {
  using Service = inference::GRPCInferenceService::AsyncService;
  using Request = inference::ModelConfigRequest;
  using Response = inference::ModelConfigResponse;
  static constexpr auto kAwait = &Service::RequestModelConfig;
  static void Answer(const Request& request, Response& response) {
    response.mutable_config()->set_name(request.name());
    response.mutable_config()->set_max_batch_size(1024);
  }
};
struct ServerLive {
  using Service = inference::GRPCInferenceService::AsyncService;
  using Request = inference::ServerLiveRequest;
  using Response = inference::ServerLiveResponse;
  static constexpr auto kAwait = &Service::RequestServerLive;
  static void Answer(const Request& /*request*/, Response& response) { response.set_live(true); }
};
struct ModelReady {
  using Service = inference::GRPCInferenceService::AsyncService;
  using Request = inference::ModelReadyRequest;
  using Response = inference::ModelReadyResponse;
  static constexpr auto kAwait = &Service::RequestModelReady;
  static void Answer(const Request& /*request*/, Response& response) { response.set_ready(true); }
};

// Both contracts' results have the same fields.
template <class Response>
void Label(int sequences, Response& response) {
  for (int i = 0; i < sequences; ++i) {
    auto& result = *response.add_results();
    result.set_label("code");
    result.set_confidence(1);
  }
}

void ProxyClassify::Answer(const Request& request, Response& response) { Label(request.sequences_size(), response); }
void Classify::Answer(const Request& request, Response& response) { Label(request.sequences_size(), response); }

void ModelInfer::Answer(const Request& request, Response& response) {
  const std::int64_t rows =
      request.inputs_size() == 1 && request.inputs(0).shape_size() > 0 ? request.inputs(0).shape(0) : 0;
  response.set_model_name(request.model_name());
  response.set_model_version("1");
  response.set_id(request.id());
  auto& output = *response.add_outputs();
  output.set_name("SCORE");
  output.set_datatype("FP32");
  output.add_shape(rows);
  output.add_shape(1);
  response.add_raw_output_contents(std::string(static_cast<std::size_t>(rows) * sizeof(float), '\0'));
}

void ModelMetadata::Answer(const Request& request, Response& response) {
  response.set_name(request.name());
  response.add_versions("1");
  response.set_platform("null");
  const auto add = [](auto& tensor, const char* name, const char* datatype) {
    tensor.set_name(name);
    tensor.set_datatype(datatype);
    tensor.add_shape(-1);
    tensor.add_shape(1);
  };
  add(*response.add_inputs(), "TEXT", "BYTES");
  add(*response.add_outputs(), "SCORE", "FP32");
}

class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
};

// One call after the other in one place of the queue. It belongs to the queue, and deletes itself when that ends.
template <class Method>
class Call final : public Tag {
 public:
  Call(typename Method::Service& service, grpc::ServerCompletionQueue& queue) : service_(service), queue_(queue) {
    Wait();
  }

  void Proceed(bool ok) override {
    if (answering_) {
      answering_ = false;
      return Wait();
    }
    if (!ok) {
      delete this;
      return;
    }
    answering_ = true;
    typename Method::Response response;
    Method::Answer(exchange_->request, response);
    exchange_->writer.Finish(response, grpc::Status::OK, this);
  }

 private:
  struct Exchange {
    grpc::ServerContext context;
    typename Method::Request request;
    grpc::ServerAsyncResponseWriter<typename Method::Response> writer{&context};
  };

  void Wait() {
    exchange_ = std::make_unique<Exchange>();
    (service_.*Method::kAwait)(&exchange_->context, &exchange_->request, &exchange_->writer, &queue_, &queue_, this);
  }

  typename Method::Service& service_;
  grpc::ServerCompletionQueue& queue_;
  std::unique_ptr<Exchange> exchange_;
  bool answering_ = false;
};

struct Services {
  ProxyClassify::Service proxy;
  Classify::Service classifier;
  ModelInfer::Service inference;
};

void Serve(Services& services, grpc::ServerCompletionQueue& queue) {
  constexpr int kOpenCalls = 512;
  for (int i = 0; i < kOpenCalls; ++i) {
    new Call<ProxyClassify>(services.proxy, queue);  // the queue owns it
    new Call<Classify>(services.classifier, queue);
    new Call<ModelInfer>(services.inference, queue);
  }
  new Call<ModelMetadata>(services.inference, queue);
  new Call<ModelConfig>(services.inference, queue);
  new Call<ServerLive>(services.inference, queue);
  new Call<ModelReady>(services.inference, queue);
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Tag*>(tag)->Proceed(ok);
}

int Run(const std::string& listen, int threads) {
  const program::SignalWaiter signals({SIGINT, SIGTERM});
  Services services;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&services.proxy);
  builder.RegisterService(&services.classifier);
  builder.RegisterService(&services.inference);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
  for (int i = 0; i < threads; ++i) queues.push_back(builder.AddCompletionQueue());
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (!server || port == 0) {
    fmt::print(stderr, "null-server: cannot listen on {}: name a free address with --listen\n", listen);
    return program::kExitError;
  }
  std::vector<std::jthread> workers;
  for (const auto& queue : queues) workers.emplace_back([&services, &queue = *queue] { Serve(services, queue); });
  fmt::print("null-server ready listen={}:{}\n", listen.substr(0, listen.rfind(':')), port);
  std::fflush(stdout);
  signals.Wait();
  server->Shutdown(std::chrono::system_clock::now());
  for (const auto& queue : queues) queue->Shutdown();
  return program::kExitOk;
}

}  // namespace
}  // namespace smartbatch

int main(int argc, char** argv) {
  CLI::App program(
      "Answers every request of the proxy's and of the classifier's contract, and every ModelInfer, at once",
      "benchmark-null-server");
  std::string listen = "127.0.0.1:50071";
  int threads = 1;
  smartbatch::program::AddHostPortFlag(program, "listen", listen, "Where to listen");
  program.add_option("--threads", threads, "Threads, each with a completion queue")->check(CLI::Range(1, 64));
  int exit_code = 0;
  if (smartbatch::program::ParseOrExit(program, argc, argv, exit_code)) return exit_code;
  return smartbatch::Run(listen, threads);
}
