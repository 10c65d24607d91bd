// Callers that keep a proxy busy and count how their calls end.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include "common/mutex.h"

namespace smartbatch::testing {

struct LoadOptions {
  int callers = 16;
  std::string model = {};  // of every request; the default one if it is empty
  // Speaks the Open Inference Protocol, to a proxy in front of ScriptedModels; needs a model.
  bool open_inference = false;
  std::chrono::milliseconds timeout{10'000};
  // The share of the calls with a deadline of 0 to 20 ms, and the share that is cancelled after 0 to 10 ms.
  double impatient_share = 0;
  double cancelled_share = 0;
  std::uint64_t seed = 1;
  // How each caller connects; empty: like ChannelTo.
  std::function<std::shared_ptr<grpc::Channel>(const std::string& address)> connect = {};
};

// Callers that each send a request of 1 to 5 sequences or rows, wait for the end of the call, and send the next, from
// construction until Stop. Every answer is checked: the number of the results, and each of them.
class Load {
 public:
  Load(const std::string& address, const LoadOptions& options);
  ~Load() { Stop(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  // Stops the callers; returns when every call has ended.
  void Stop();

  std::uint64_t issued() const { return issued_; }
  std::uint64_t ended(grpc::StatusCode code) const { return ended_.at(static_cast<std::size_t>(code)); }
  std::uint64_t ended() const;
  // Calls that ended only because their caller's own time was over: the proxy said nothing. Calls of impatient callers,
  // for which both happen at the same time, are not counted.
  std::uint64_t unanswered() const { return unanswered_; }
  // Answers whose results were not those of their request.
  std::uint64_t wrong() const { return wrong_; }
  // Every way in which calls ended, for messages: code, message, count.
  std::string Describe() const;
  // The longest that a call took beyond its deadline, if any did.
  std::chrono::milliseconds latest() const { return std::chrono::milliseconds(latest_ms_); }

 private:
  void Run(const std::string& address, const LoadOptions& options, int caller, const std::stop_token& stop);

  // Counted by every caller, and read by the test while they run.
  std::atomic<std::uint64_t> issued_ = 0;
  std::atomic<std::uint64_t> unanswered_ = 0;
  std::atomic<std::uint64_t> wrong_ = 0;
  std::atomic<std::int64_t> latest_ms_ = 0;
  std::array<std::atomic<std::uint64_t>, 17> ended_{};
  mutable Mutex mutex_;
  std::map<std::pair<grpc::StatusCode, std::string>, int> failures_ SMARTBATCH_GUARDED_BY(mutex_);
  std::vector<std::jthread> threads_;
};

}  // namespace smartbatch::testing
