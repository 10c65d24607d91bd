// One call of ProxyClassify, from its arrival to its last event.
#pragma once

#include <atomic>
#include <memory>

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>

#include "common/mutex.h"
#include "services/proxy/runtime/call_observer.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/transport/customer_rights.h"
#include "services/proxy/transport/live_calls.h"
#include "services/proxy/transport/tag.h"
#include "services/rpc/sequences.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"

namespace smartbatch::transport {

// The request comes as bytes, because gRPC answers INTERNAL where it cannot parse one itself.
using RawProxyService = proxy::v1::ProxyService::WithRawMethod_ProxyClassify<proxy::v1::ProxyService::Service>;

// What the calls share; outlives them.
struct Serving {
  RawProxyService& service;
  grpc::ServerCompletionQueue& queue;
  runtime::Dispatcher& dispatcher;
  const runtime::Clock& clock;
  runtime::CallObserver& observer;
  scheduling::SchedulerOptions limits;
  const CustomerRights& customer_rights;
  LiveCalls live_calls;
};

// Owns itself: it goes when it will never be matched with a call (the server is stopped), or once the call is both
// done (the caller knows, or has gone) and finished (the answer was handed to gRPC); these two come in either order.
class ProxyCall {
 public:
  // Asks gRPC for the next call. There is always one such, so that no call waits inside gRPC, unseen.
  static void Await(Serving& serving);

 private:
  explicit ProxyCall(Serving& serving);

  void OnAccepted(bool ok);
  void OnDone(bool ok);
  void OnFinished(bool ok);

  // Checks the call and fills in what goes to the dispatcher.
  grpc::Status Read(runtime::Request& request) const;
  void Refuse(const grpc::Status& status);
  void Answer(absl::StatusOr<runtime::Ending> ending);
  void AddTrailers(const runtime::Ending& ending);
  void AddPushback(const grpc::Status& status);
  void LogEnd(const grpc::Status& status, const runtime::Ending& ending) const;
  void Leave();

  Serving& serving_;
  std::unique_ptr<ProxyCall> self_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> writer_;
  runtime::Ticket ticket_;
  Time accepted_at_{};
  // Threads of the queue may bring the last two events at the same time.
  std::atomic<int> events_to_come_ = 2;
  MemberTag<ProxyCall, &ProxyCall::OnAccepted> accepted_{*this};
  MemberTag<ProxyCall, &ProxyCall::OnDone> done_{*this};
  MemberTag<ProxyCall, &ProxyCall::OnFinished> finished_{*this};
};

}  // namespace smartbatch::transport
