// One call that brings a batch.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>
#include <grpcpp/support/status.h>

#include "common/cost_model.h"
#include "services/classifier/batch_runner.h"
#include "services/classifier/engines/engine.h"
#include "services/classifier/exchange.h"
#include "services/classifier/faults.h"
#include "services/classifier/metrics.h"

namespace smartbatch::classifier {

// What all calls share.
struct Serving {
  const Engine& engine;
  std::optional<CostModel> cost;  // nothing: a batch holds its slot for as long as the engine computes
  FaultOptions faults;
  Metrics& metrics;
  BatchRunner& runner;
};

// One call: gRPC's reactor for it, and its batch, which waits for a slot of the runner. Its owner calls
// either Start() or Refuse(), once. From then on it keeps itself alive until gRPC is done with it (OnDone).
class ClassifierCall final : public grpc::ServerUnaryReactor,
                             public RunnableBatch,
                             public std::enable_shared_from_this<ClassifierCall> {
 public:
  // Everything passed by reference must outlive the call. `on_done` is called last of all.
  ClassifierCall(const Serving& serving, std::unique_ptr<Exchange> exchange, const grpc::CallbackServerContext& context,
                 grpc::ByteBuffer& response, std::function<void()> on_done);

  // Checks the request and queues its batch, or refuses it. `batch_number` decides its fault.
  void Start(const grpc::ByteBuffer& request, std::uint64_t batch_number);
  // Answers the call without a batch.
  void Refuse(const grpc::Status& status);

  Duration Begin() override;
  void End(BatchEnd end, Duration held) override;
  void OnCancel() override { serving_.runner.Cancel(*this); }
  void OnDone() override;

 private:
  // The time that the cost model gives the batch. Requires: there is one.
  Duration ModelledTime() const;
  grpc::Status StatusAtEnd(BatchEnd end) const;
  void Answer(const grpc::Status& status);

  const Serving& serving_;
  const std::unique_ptr<Exchange> exchange_;
  const grpc::CallbackServerContext& context_;
  grpc::ByteBuffer& response_;
  const std::function<void()> on_done_;
  Fault fault_ = Fault::kNone;
  bool crashes_ = false;  // the batch ends the classifier
  bool began_ = false;    // the batch had a slot
  grpc::Status failure_;  // what the engine said
  std::shared_ptr<ClassifierCall> self_;
};

}  // namespace smartbatch::classifier
