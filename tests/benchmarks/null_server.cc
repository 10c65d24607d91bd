// A server of the proxy's and of the classifier's contract that does nothing: asynchronous, on completion queues, every
// request answered at once. What a load generator reaches against it is the generator's own ceiling; what a request
// costs it is what gRPC alone costs; and a proxy in front of it has a backend that takes no time.
//
//   benchmark-null-server --listen 127.0.0.1:50071 --threads 1
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "common/program/flags.h"
#include "common/program/signals.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch {
namespace {

// The two contracts; their results have the same fields.
struct Proxy {
  using Service = proxy::v1::ProxyService::AsyncService;
  using Request = proxy::v1::ProxyClassifyRequest;
  using Response = proxy::v1::ProxyClassifyResponse;
  static constexpr auto kAwait = &Service::RequestProxyClassify;
};
struct Classifier {
  using Service = classifier::v1::ClassifierService::AsyncService;
  using Request = classifier::v1::ClassifyRequest;
  using Response = classifier::v1::ClassifyResponse;
  static constexpr auto kAwait = &Service::RequestClassify;
};

class Tag {
 public:
  virtual ~Tag() = default;
  virtual void Proceed(bool ok) = 0;
};

// One call after the other in one place of the queue. It belongs to the queue, and deletes itself when that ends.
template <class Contract>
class Call final : public Tag {
 public:
  Call(typename Contract::Service& service, grpc::ServerCompletionQueue& queue) : service_(service), queue_(queue) {
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
    typename Contract::Response response;
    for (int i = 0; i < exchange_->request.sequences_size(); ++i) {
      auto& result = *response.add_results();
      result.set_label("code");
      result.set_confidence(1);
    }
    exchange_->writer.Finish(response, grpc::Status::OK, this);
  }

 private:
  struct Exchange {
    grpc::ServerContext context;
    typename Contract::Request request;
    grpc::ServerAsyncResponseWriter<typename Contract::Response> writer{&context};
  };

  void Wait() {
    exchange_ = std::make_unique<Exchange>();
    (service_.*Contract::kAwait)(&exchange_->context, &exchange_->request, &exchange_->writer, &queue_, &queue_, this);
  }

  typename Contract::Service& service_;
  grpc::ServerCompletionQueue& queue_;
  std::unique_ptr<Exchange> exchange_;
  bool answering_ = false;
};

struct Services {
  Proxy::Service proxy;
  Classifier::Service classifier;
};

void Serve(Services& services, grpc::ServerCompletionQueue& queue) {
  constexpr int kOpenCalls = 512;
  for (int i = 0; i < kOpenCalls; ++i) {
    new Call<Proxy>(services.proxy, queue);  // the queue owns it
    new Call<Classifier>(services.classifier, queue);
  }
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
  CLI::App program("Answers every request of the proxy's and of the classifier's contract at once",
                   "benchmark-null-server");
  std::string listen = "127.0.0.1:50071";
  int threads = 1;
  smartbatch::program::AddHostPortFlag(program, "listen", listen, "Where to listen");
  program.add_option("--threads", threads, "Threads, each with a completion queue")->check(CLI::Range(1, 64));
  int exit_code = 0;
  if (smartbatch::program::ParseOrExit(program, argc, argv, exit_code)) return exit_code;
  return smartbatch::Run(listen, threads);
}
