#include "services/rpc/call_queue.h"

#include <utility>

namespace smartbatch::rpc {
namespace {

// gRPC 1.51 lets servers share a queue, but its builder only makes queues of its own: the list of them has no public
// name. An explicit instantiation may name what is private, so that another version without it does not compile.
template <std::vector<grpc::ServerCompletionQueue*> grpc::ServerBuilder::*queues>
struct Reach {
  friend std::vector<grpc::ServerCompletionQueue*>& QueuesOf(grpc::ServerBuilder& builder) { return builder.*queues; }
};
std::vector<grpc::ServerCompletionQueue*>& QueuesOf(grpc::ServerBuilder& builder);
template struct Reach<&grpc::ServerBuilder::cqs_>;

}  // namespace

CallQueue::CallQueue(int threads, Work work) : queue_(grpc::ServerBuilder().AddCompletionQueue()) {
  threads_.emplace_back([this, work = std::move(work)] { work(*queue_); });
  for (int i = 1; i < threads; ++i) threads_.emplace_back([this] { RunTags(*queue_); });
}

CallQueue::~CallQueue() { queue_->Shutdown(); }

void CallQueue::Join(grpc::ServerBuilder& builder) { QueuesOf(builder).push_back(queue_.get()); }

}  // namespace smartbatch::rpc
