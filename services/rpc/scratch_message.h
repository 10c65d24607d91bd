// A message that lives for a moment.
#pragma once

#include <array>

#include <google/protobuf/arena.h>

namespace smartbatch::rpc {

// A message on the stack with all that it holds, up to some 2 KiB; what is beyond comes from the heap. A message of
// ordinary kind asks for memory for each string and each submessage. Only the bytes of long strings still do so.
//
// What is moved out of one of its strings may outlive it. A message that is moved or swapped out of it is copied, so
// one that is to be kept should not be made in this way.
//
// Thread safety: none.
template <class Message>
class ScratchMessage {
 public:
  ScratchMessage() = default;
  ScratchMessage(const ScratchMessage&) = delete;
  ScratchMessage& operator=(const ScratchMessage&) = delete;

  Message& operator*() { return message_; }
  Message* operator->() { return &message_; }

 private:
  alignas(8) std::array<char, 2048> block_;
  google::protobuf::Arena arena_{block_.data(), block_.size()};
  Message& message_ = *google::protobuf::Arena::CreateMessage<Message>(&arena_);
};

}  // namespace smartbatch::rpc
