// A backend that answers when and as a test says.
#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/mutex.h"
#include "services/proxy/protocol/classify/texts.h"
#include "services/proxy/runtime/backend_link.h"

namespace smartbatch::testing {

// The payload of a request with these texts, in ASCII.
inline std::shared_ptr<const protocol::Payload> PayloadOf(std::vector<std::string> texts) {
  std::vector<std::uint32_t> lengths;
  for (const std::string& text : texts) lengths.push_back(static_cast<std::uint32_t>(text.size()));
  return std::make_shared<const protocol::classify::Texts>(std::move(texts), std::move(lengths));
}

// Thread safe.
class ScriptedBackend final : public runtime::BackendLink {
 public:
  struct Sent {
    scheduling::BatchId id = 0;
    std::vector<std::string> texts;
    Duration timeout{};
    std::vector<runtime::CallContext> contexts;
    runtime::BatchReply reply;
  };

  void Send(const runtime::OutgoingBatch& batch, runtime::BatchReply reply) override {
    Sent sent{batch.id, {}, batch.timeout, batch.contexts, std::move(reply)};
    for (const protocol::RowRef& row : batch.rows) sent.texts.push_back(protocol::classify::TextOf(row));
    const MutexLock lock(mutex_);
    ++batches_;
    sent_.push_back(std::move(sent));
  }

  void Cancel(scheduling::BatchId id) override {
    const MutexLock lock(mutex_);
    cancelled_.insert(id);
  }

  // Takes the oldest batch that was not taken yet.
  std::optional<Sent> Take() {
    const MutexLock lock(mutex_);
    if (sent_.empty()) return std::nullopt;
    Sent sent = std::move(sent_.front());
    sent_.pop_front();
    return sent;
  }

  // Takes the oldest batch and waits for it: another thread may be about to send it.
  Sent TakeNext() {
    for (int i = 0; i < 20'000; ++i) {
      if (std::optional<Sent> sent = Take()) return std::move(*sent);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ADD_FAILURE() << "no batch was sent within 20 s";
    std::abort();
  }

  // The texts of every batch that waits to be taken.
  std::vector<std::vector<std::string>> Waiting() {
    const MutexLock lock(mutex_);
    std::vector<std::vector<std::string>> batches;
    for (const Sent& sent : sent_) batches.push_back(sent.texts);
    return batches;
  }

  // Answers the oldest batch: the label of a text is the text itself.
  void AnswerNext() { Answer(TakeNext()); }
  static void Answer(Sent sent) {
    std::vector<protocol::classify::Classification> classifications;
    for (std::string& text : sent.texts) classifications.push_back({std::move(text), 1.0});
    std::move(sent.reply).Fulfil(protocol::classify::ResultsOf(std::move(classifications)));
  }
  void FailNext(absl::Status status) { std::move(TakeNext().reply).Fulfil(std::move(status)); }

  bool WasCancelled(scheduling::BatchId id) {
    const MutexLock lock(mutex_);
    return cancelled_.count(id) > 0;
  }
  std::size_t batches() {
    const MutexLock lock(mutex_);
    return batches_;
  }

 private:
  Mutex mutex_;
  std::deque<Sent> sent_ SMARTBATCH_GUARDED_BY(mutex_);
  std::set<scheduling::BatchId> cancelled_ SMARTBATCH_GUARDED_BY(mutex_);
  std::size_t batches_ SMARTBATCH_GUARDED_BY(mutex_) = 0;
};

}  // namespace smartbatch::testing
