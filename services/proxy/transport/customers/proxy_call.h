// One call of a customer, from its arrival to its last event.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "common/mutex.h"
#include "services/proxy/protocol/codec.h"
#include "services/proxy/runtime/call_observer.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/model_table.h"
#include "services/proxy/transport/customers/customer_rights.h"
#include "services/proxy/transport/customers/live_calls.h"
#include "services/proxy/transport/customers/proxy_method.h"
#include "services/rpc/tag.h"

namespace smartbatch::transport {

// What all calls share. It must outlive them.
struct CallEnvironment {
  const protocol::CustomerCodec& codec;
  ProxyMethod& method;
  grpc::ServerCompletionQueue& queue;
  const runtime::ModelTable& models;
  const runtime::Clock& clock;
  runtime::CallObserver& observer;
  std::uint32_t max_metadata_bytes;
  const CustomerRights& customer_rights;
  LiveCalls live_calls;
};

// How many bytes a waiting call holds in memory besides its payload.
std::size_t HeldBytes(const protocol::Payload& payload);

// One call, which owns itself. It deletes itself if the server stops before a caller comes. Otherwise it does so when
// three events have come, in whatever order: the request has arrived (or never will), the call is done (the caller
// knows the answer, or has gone), and it is finished (the answer was handed to gRPC).
class ProxyCall final : public LiveCall {
 public:
  // Asks gRPC for the next call. One object always waits for a call, so that no call waits unseen inside gRPC.
  static void Await(CallEnvironment& environment);

 private:
  explicit ProxyCall(CallEnvironment& environment);

  void GiveUpRequest(Reason reason) override;
  void GiveUpAnswer() override;

  void OnAccepted(bool ok);
  void OnArrived(bool ok);
  void OnDone(bool ok);
  void OnFinished(bool ok);

  // Checks what the caller sent before its message is read.
  grpc::Status CheckHeaders() const;
  // Checks the call and fills in what goes to the model's dispatcher. Afterwards the message is nowhere else.
  grpc::Status Read(runtime::Submission& request);
  void Submit(runtime::Submission request);
  void Refuse(const grpc::Status& status);
  // One of the three events has come. The call may be gone afterwards.
  void EndOne();
  void Answer(absl::StatusOr<runtime::Ending> ending);
  // The call is about to be answered with that status.
  void StartLeaving(const grpc::Status& status);
  void AddTimings(const runtime::Ending& ending);
  void AddPushback(const grpc::Status& status, scheduling::Outcome outcome);
  void LogEnd(const grpc::Status& status, const runtime::Ending& ending) const;
  void Leave();

  CallEnvironment& environment_;
  std::unique_ptr<ProxyCall> self_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  ProxyMethod::Stream stream_;
  runtime::Ticket ticket_;
  // The dispatcher that knows the ticket; set once the request is read. One thread of the queue may learn that the
  // caller has gone while another one reads the request: the second of them sees what the first has set, and cancels.
  std::atomic<runtime::Dispatcher*> dispatcher_ = nullptr;
  std::atomic<bool> caller_has_gone_ = false;
  Time accepted_at_{};
  // Several threads of the queue may report the last events at the same time.
  std::atomic<int> events_to_come_ = 3;
  rpc::MemberTag<ProxyCall, &ProxyCall::OnAccepted> accepted_{*this};
  rpc::MemberTag<ProxyCall, &ProxyCall::OnArrived> arrived_{*this};
  rpc::MemberTag<ProxyCall, &ProxyCall::OnDone> done_{*this};
  rpc::MemberTag<ProxyCall, &ProxyCall::OnFinished> finished_{*this};
};

}  // namespace smartbatch::transport
