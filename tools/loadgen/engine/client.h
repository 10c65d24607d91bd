// An asynchronous client of a server: any number of calls in flight on a few threads and connections.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "absl/container/flat_hash_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "common/time.h"
#include "tools/loadgen/engine/channel.h"
#include "tools/loadgen/engine/protocol.h"

namespace smartbatch::loadgen {

struct ClientOptions {
  Server server;
  // 1 to 1024 connections, used in turn.
  int connections = 1;
  // 1 to 64 threads that take the answers, each with a completion queue of its own.
  int threads = 1;
  // The deadline of every call, counted from when it is sent; above 0.
  Duration deadline = std::chrono::seconds(30);
  // Speaks the Open Inference Protocol, which needs a model; else the proxy's own contract.
  bool speaks_open_inference = false;
  // The model to send to; empty for the proxy's default one.
  std::string model = {};
};

// How a call ended.
struct Answer {
  const grpc::Status& status;
  // Of a call that was answered.
  const ServerTimings& timings;
  // When the client's thread saw it.
  Time done;
  // UNAVAILABLE, and gRPC reports it without any server having answered.
  bool disconnected;
};

// Retries are off: every call is one attempt. All members are thread safe.
class Client {
 public:
  using OnDone = absl::AnyInvocable<void(const Answer&)>;

  // Connects; UNAVAILABLE if no server answers within `patience`, and what SpeakOpenInference says of the model.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const ClientOptions& options, Duration patience);
  // Cancels what is in flight and waits for its end.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends a request of these sequences; `on_done` is called exactly once, on one of the client's threads, and must not
  // block.
  void Send(const std::string& customer, const std::vector<std::string>& sequences, OnDone on_done);

  std::size_t in_flight() const;
  // Waits until nothing is in flight, until `deadline` at the latest. Returns true if nothing is in flight.
  bool WaitUntilIdle(Time deadline) const;
  // Ends every call in flight with CANCELLED.
  void CancelAll();

 private:
  struct Call;
  static bool Disconnected(const Call& call);
  struct Worker {
    grpc::CompletionQueue queue;
    std::jthread thread;
  };

  explicit Client(const ClientOptions& options);
  void TakeAnswers(grpc::CompletionQueue& queue);
  // An answer that the protocol does not let pass becomes a failure.
  ServerTimings ReadAnswer(Call& call) const;

  const ClientOptions options_;
  std::unique_ptr<const Protocol> protocol_;  // set before the first call
  std::vector<std::shared_ptr<grpc::Channel>> channels_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<std::unique_ptr<Worker>> workers_;

  mutable Mutex mutex_;
  mutable std::condition_variable_any idle_;
  absl::flat_hash_set<Call*> calls_ SMARTBATCH_GUARDED_BY(mutex_);
  std::uint64_t sent_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::loadgen
