// One call of ModelStreamInfer: many requests on one stream, each answered once, in the order in which they end.
#pragma once

#include <cstddef>
#include <deque>
#include <list>
#include <memory>
#include <string>

#include <grpcpp/support/byte_buffer.h>

#include "common/mutex.h"
#include "common/time.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/rpc/generic_call.h"

namespace smartbatch::transport {

struct InferenceParts;

// One stream. As with Triton, a request that fails is answered with an error_message, and the stream goes on. At most
// kMostAtOnce requests of a stream are unanswered: the next one is read once one of them is answered, so that a caller
// who reads no answers cannot hold more. The call and every request that has not ended share ownership of the stream.
class InferenceStream final : public rpc::CallHandler, public std::enable_shared_from_this<InferenceStream> {
 public:
  static constexpr std::size_t kMostAtOnce = 64;

  // `parts` must outlive the stream.
  InferenceStream(const InferenceParts& parts, rpc::GenericCall& call) : parts_(parts), call_(call) {}

  void Start() override;
  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;

 private:
  struct Pending {
    runtime::Dispatcher& dispatcher;
    runtime::Ticket ticket = {};
    std::string id = {};
    Time came{};
  };
  using PendingList = std::list<std::shared_ptr<Pending>>;

  void Submit(runtime::Submission request, std::string id);
  void Ended(PendingList::iterator place, absl::StatusOr<runtime::Ending> ending);
  void Reply(grpc::ByteBuffer message);
  void ReplyError(const std::string& id, const grpc::Status& status);
  // Starts whatever is due: a read, a write or the end.
  void Proceed() SMARTBATCH_REQUIRES(mutex_);

  const InferenceParts& parts_;
  rpc::GenericCall& call_;
  std::string customer_;
  grpc::ByteBuffer request_;

  Mutex mutex_;
  PendingList pending_ SMARTBATCH_GUARDED_BY(mutex_);
  std::deque<grpc::ByteBuffer> replies_ SMARTBATCH_GUARDED_BY(mutex_);  // the first one is being written
  bool reading_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  bool writing_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  bool no_more_requests_ SMARTBATCH_GUARDED_BY(mutex_) = false;
  bool finished_ SMARTBATCH_GUARDED_BY(mutex_) = false;
};

}  // namespace smartbatch::transport
