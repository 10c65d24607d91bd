// Where the classifier's batches come in, whatever their protocol.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <grpcpp/support/server_callback.h>

#include "common/mutex.h"
#include "services/classifier/batch_runner.h"
#include "services/classifier/classifier_call.h"
#include "services/classifier/engines/engine.h"
#include "services/classifier/exchange.h"
#include "services/classifier/metrics.h"
#include "services/classifier/options.h"

namespace smartbatch::classifier {

// Takes the calls that bring a batch and gives each to a Call. No call blocks a thread of gRPC: a batch takes its time
// in a slot of the runner. The server must be shut down before the intake is destroyed. Thread safe.
class Intake {
 public:
  // The options must be valid; the engine and the metrics must outlive it.
  Intake(const Options& options, const Engine& engine, Metrics& metrics);

  // Takes a call over. `exchange` reads its request and writes its response.
  grpc::ServerUnaryReactor* Take(std::unique_ptr<Exchange> exchange, const grpc::CallbackServerContext& context,
                                 const grpc::ByteBuffer& request, grpc::ByteBuffer& response);

  // How many calls have come from the start until RefuseCalls.
  std::size_t calls() const { return next_batch_number_; }
  // Refuses every new call with UNAVAILABLE from now on. Open calls go on.
  void RefuseCalls() { refusing_ = true; }
  bool IsRefusing() const { return refusing_; }
  // Ends every open call with UNAVAILABLE.
  void AbandonCalls() { runner_.CancelAll(); }
  // Waits until no call is left, for at most `timeout`, and returns how many are left.
  std::size_t WaitForCalls(std::chrono::milliseconds timeout);

 private:
  void CallEnded();

  BatchRunner runner_;
  const Serving serving_;
  std::atomic<bool> refusing_ = false;  // set by main and read by every call; no other data depends on it
  std::atomic<std::uint64_t> next_batch_number_ = 0;
  Mutex mutex_;
  std::condition_variable_any call_ended_;
  std::size_t calls_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::classifier
