// What a completion queue returns when an operation has ended: an object with something to do.
#pragma once

#include <grpcpp/completion_queue.h>

namespace smartbatch::rpc {

// A tag of a completion queue. Every tag on a completion queue of the project points to one of these.
class Tag {
 public:
  virtual ~Tag() = default;

  // Called when the operation has ended; the operation defines what `ok` means.
  virtual void Run(bool ok) = 0;
};

// A tag that is a member of the object it belongs to and calls one of its methods: it costs no allocation.
template <class Owner, void (Owner::*method)(bool ok)>
class MemberTag final : public Tag {
 public:
  explicit MemberTag(Owner& owner) : owner_(owner) {}
  void Run(bool ok) override { (owner_.*method)(ok); }

 private:
  Owner& owner_;
};

// Runs the tags of ended operations until the queue is shut down and empty: the work of a thread.
inline void RunTags(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Tag*>(tag)->Run(ok);
}

}  // namespace smartbatch::rpc
