// The proxy's servers in the test's own process, in front of a scripted backend, and a client of them.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include "services/proxy/protocol/classify/classify_codec.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/transport/customers/proxy_server.h"
#include "services/proxy/transport/event_loop.h"
#include "services/proxy/transport/operators/admin_server.h"
#include "services/rpc/call_queue.h"
#include "smartbatch/proxy/v1/admin.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/proxy/scripted_backend.h"

namespace smartbatch::testing {

inline std::shared_ptr<grpc::Channel> ChannelTo(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// What a client saw of one call.
struct Seen {
  grpc::Status status;
  proxy::v1::ProxyClassifyResponse response;
  std::map<std::string, std::string> trailers;
};

class Loopback {
 public:
  using Metadata = std::multimap<std::string, std::string>;
  using Reload = decltype(transport::AdminTargets::reload);

  explicit Loopback(const scheduling::SchedulerOptions& options = {}, int threads = 1,
                    const scheduling::StrategyChoice& strategy = {"sjf", {}}, Reload reload = {})
      : dispatcher(*scheduling::Scheduler::Create(options, strategy, &decisions), clock, nullptr),
        codec({{"default", {.max_sequences = options.max_batch_size, .max_characters = options.max_sequence_length}}}),
        queue(threads, [this](grpc::CompletionQueue& events) { transport::RunEvents(events, models, {}); }),
        server("127.0.0.1:0", queue, codec) {
    dispatcher.AddBackend("backend", 1, {}, backend);
    EXPECT_TRUE(server.Start(models, clock, calls).ok());
    admin = *transport::AdminServer::Start("127.0.0.1:0", queue, {models, clock, std::move(reload)});
    stub = proxy::v1::ProxyService::NewStub(ChannelTo(server.address()));
    timer = std::jthread([this](const std::stop_token& stop) { dispatcher.RunTimer(stop); });
  }
  ~Loopback() { Stop(); }

  void Stop() {
    server.StopServing();
    dispatcher.Close();
    while (auto sent = backend.Take()) std::move(sent->reply).Fulfil(absl::CancelledError("the test is over"));
    EXPECT_TRUE(dispatcher.WaitUntilIdle(std::chrono::seconds(10)));
    server.Shutdown();
  }

  // Answers every batch from now on.
  void AnswerAll() {
    answerer = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        if (auto sent = backend.Take()) {
          ScriptedBackend::Answer(std::move(*sent));
        } else {
          std::this_thread::sleep_for(std::chrono::microseconds(100));
        }
      }
    });
  }

  Seen Call(const std::vector<std::string>& sequences, const Metadata& metadata = {},
            std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    grpc::ClientContext context;
    return Call(context, sequences, metadata, timeout);
  }
  Seen Call(grpc::ClientContext& context, const std::vector<std::string>& sequences, const Metadata& metadata = {},
            std::chrono::milliseconds timeout = std::chrono::seconds(20)) {
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    proxy::v1::ProxyClassifyRequest request;
    request.mutable_sequences()->Add(sequences.begin(), sequences.end());
    Seen seen;
    seen.status = stub->ProxyClassify(&context, request, &seen.response);
    for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
      seen.trailers[std::string(key.data(), key.size())] = std::string(value.data(), value.size());
    }
    return seen;
  }

  // Waits until the proxy has counted `count` requests in all.
  bool WaitUntilOffered(std::uint64_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (dispatcher.Look(0).outcomes.offered < count) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return true;
  }

  runtime::SteadyClock clock;
  runtime::CallObserver calls;
  ScriptedBackend backend;
  runtime::RecentDecisions decisions;
  runtime::RequestStatistics statistics;
  runtime::Dispatcher dispatcher;
  const runtime::ModelTable models{{{"default", dispatcher, decisions, statistics}}};
  protocol::classify::ClassifyCustomerCodec codec;
  rpc::CallQueue queue;
  transport::ProxyServer server;
  std::unique_ptr<transport::AdminServer> admin;
  std::unique_ptr<proxy::v1::ProxyService::Stub> stub;
  std::jthread timer;
  std::jthread answerer;
};

}  // namespace smartbatch::testing
