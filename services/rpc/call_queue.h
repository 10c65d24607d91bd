// The completion queue that the servers and the clients of a process share, and the threads that work it off.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include "services/rpc/tag.h"

namespace smartbatch::rpc {

// All completion queues of a process share one epoll set, and a thread that waits on any of them may take what is meant
// for another one, which it then has to wake: two context switches for what would have needed none. So a process that
// is to be fast has one queue, and waits on no other. Thread safe.
class CallQueue {
 public:
  // Works off what ends on the queue and returns once the queue is shut down and empty.
  using Work = std::function<void(grpc::CompletionQueue& queue)>;

  // Starts that many threads, at least 1. The first does the work, the others RunTags.
  explicit CallQueue(int threads, Work work = RunTags);
  // Nobody may start an operation on the queue any more. Returns when all of them have ended. The servers that use it
  // must have been shut down.
  ~CallQueue();
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  grpc::ServerCompletionQueue& queue() { return *queue_; }

  // The server that is built takes its calls from this queue. The queue must outlive it.
  void Join(grpc::ServerBuilder& builder);

 private:
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace smartbatch::rpc
