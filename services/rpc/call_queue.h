// The completion queue that the servers and the clients of a process share, and the threads that serve it.
#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include "services/rpc/tag.h"

namespace smartbatch::rpc {

// A completion queue with its threads. All completion queues of a process share one epoll set, so a thread that waits
// on one of them may take an event meant for another thread, which it then has to wake: two context switches for what
// would have needed none. So a process that must be fast has one queue, and waits on no other. Thread safe.
class CallQueue {
 public:
  // Handles the events of the queue and returns once the queue is shut down and empty.
  using Work = std::function<void(grpc::CompletionQueue& queue)>;

  // Starts `threads` threads, at least 1. The first runs `work`, the others run RunTags.
  explicit CallQueue(int threads, Work work = RunTags);
  // Requires: the servers that use the queue have been shut down, and nobody starts an operation on it any more.
  // Returns when all operations have ended.
  ~CallQueue();
  CallQueue(const CallQueue&) = delete;
  CallQueue& operator=(const CallQueue&) = delete;

  grpc::ServerCompletionQueue& queue() { return *queue_; }

  // Makes the server that `builder` builds take its calls from this queue. The queue must outlive the server.
  void Join(grpc::ServerBuilder& builder);

 private:
  const std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::vector<std::jthread> threads_;
};

}  // namespace smartbatch::rpc
