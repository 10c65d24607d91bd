// One call of Classify.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include "common/cost_model.h"
#include "services/classifier/batch_runner.h"
#include "services/classifier/faults.h"
#include "services/classifier/metrics.h"
#include "services/rpc/sequences.h"

namespace smartbatch::classifier {

// What all calls share.
struct Serving {
  rpc::SequenceLimits limits;
  CostModel cost;
  FaultOptions faults;
  Metrics& metrics;
  BatchRunner& runner;
};

// One call of Classify: the reactor that gRPC tells of the caller, and the batch that the runner gives a slot. Call
// either Start() or Refuse(), once. From then on it keeps itself alive until gRPC is done with it (OnDone).
class Call final : public grpc::ServerUnaryReactor, public Batch, public std::enable_shared_from_this<Call> {
 public:
  // Everything passed by reference must outlive the call. `on_done` is called last of all.
  Call(const Serving& serving, const grpc::CallbackServerContext& context, grpc::ByteBuffer& response,
       std::function<void()> on_done);

  // Checks the request and queues its batch, or refuses it. `batch_number` decides its fault.
  void Start(const grpc::ByteBuffer& request, std::uint64_t batch_number);
  // Answers the call without a batch.
  void Refuse(const grpc::Status& status);

  Duration Begin() override;
  void End(BatchEnd end, Duration held) override;
  void OnCancel() override { serving_.runner.Cancel(*this); }
  void OnDone() override;

 private:
  grpc::Status Parse(const grpc::ByteBuffer& request);
  grpc::Status StatusAtEnd(BatchEnd end) const;
  void Answer(const grpc::Status& status);

  const Serving& serving_;
  const grpc::CallbackServerContext& context_;
  grpc::ByteBuffer& response_;
  const std::function<void()> on_done_;
  std::vector<std::string> sequences_;
  std::size_t longest_characters_ = 0;
  Fault fault_ = Fault::kNone;
  bool crashes_ = false;  // the batch ends the classifier
  bool began_ = false;    // the batch had a slot
  std::shared_ptr<Call> self_;
};

}  // namespace smartbatch::classifier
