#include "tests/integration/load.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include "common/random.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

proxy::v1::ProxyClassifyRequest RandomRequest(Random& random) {
  proxy::v1::ProxyClassifyRequest request;
  for (std::int64_t n = random.Between(1, 5); n > 0; --n) {
    const auto length = static_cast<std::size_t>(random.Between(5, 60));
    request.add_sequences((random.Chance(0.5) ? "def " : "say ") + std::string(length, 'x'));
  }
  return request;
}

bool IsAnswerTo(const proxy::v1::ProxyClassifyRequest& request, const proxy::v1::ProxyClassifyResponse& response) {
  if (response.results_size() != request.sequences_size()) return false;
  for (int i = 0; i < request.sequences_size(); ++i) {
    const bool code = request.sequences(i).rfind("def ", 0) == 0;
    if (response.results(i).label() != (code ? "code" : "not code")) return false;
  }
  return true;
}

}  // namespace

Load::Load(const std::string& address, const LoadOptions& options) {
  for (int caller = 0; caller < options.callers; ++caller) {
    threads_.emplace_back(
        [this, address, options, caller](const std::stop_token& stop) { Run(address, options, caller, stop); });
  }
}

void Load::Stop() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

std::uint64_t Load::ended() const {
  std::uint64_t sum = 0;
  for (const auto& count : ended_) sum += count;
  return sum;
}

std::string Load::Describe() const {
  const MutexLock lock(mutex_);
  std::string text = std::to_string(issued()) + " issued, " + std::to_string(ended(grpc::StatusCode::OK)) + " OK";
  for (const auto& [kind, count] : failures_) {
    text += "; " + std::to_string(count) + " of code " + std::to_string(kind.first) + " '" + kind.second + "'";
  }
  return text;
}

void Load::Run(const std::string& address, const LoadOptions& options, int caller, const std::stop_token& stop) {
  Random random = Random::Stream(options.seed, static_cast<std::uint64_t>(caller));
  const auto channel = options.connect ? options.connect(address) : ChannelTo(address);
  // Seen with gRPC 1.51 on a busy machine, the cause unknown: a channel's first connection fails with "No such file
  // or directory", and the channel then refuses every call for a second.
  channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
  const auto stub = proxy::v1::ProxyService::NewStub(channel);
  grpc::CompletionQueue queue;
  while (!stop.stop_requested()) {
    proxy::v1::ProxyClassifyRequest request = RandomRequest(random);
    request.set_model(options.model);
    const bool impatient = random.Chance(options.impatient_share);
    const milliseconds timeout = impatient ? milliseconds(random.Between(0, 20)) : options.timeout;
    grpc::ClientContext context;
    context.AddMetadata("x-customer-id", "customer-" + std::to_string(caller % 5));
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const auto due = steady_clock::now() + timeout;
    ++issued_;
    const auto call = stub->AsyncProxyClassify(&context, request, &queue);
    proxy::v1::ProxyClassifyResponse response;
    grpc::Status status;
    call->Finish(&response, &status, this);

    void* tag = nullptr;
    bool ok = false;
    const bool cancels = random.Chance(options.cancelled_share);
    const auto patience = cancels ? milliseconds(random.Between(0, 10)) : milliseconds(3'600'000);
    if (queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now() + patience) == grpc::CompletionQueue::TIMEOUT) {
      context.TryCancel();
      queue.Next(&tag, &ok);
    }
    const auto late = std::chrono::duration_cast<milliseconds>(steady_clock::now() - due).count();
    for (auto seen = latest_ms_.load(); late > seen && !latest_ms_.compare_exchange_weak(seen, late);) {
    }
    ++ended_.at(static_cast<std::size_t>(status.error_code()));
    if (status.ok() && !IsAnswerTo(request, response)) ++wrong_;
    // If the proxy says so itself, there are details.
    const bool own_timeout =
        status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && status.error_details().empty();
    if (own_timeout && !impatient) ++unanswered_;
    if (!status.ok()) {
      {
        const MutexLock lock(mutex_);
        // Numbers in a message would make each message a kind of its own: only the text before them counts.
        const std::string& message = status.error_message();
        ++failures_[{status.error_code(),
                     message.substr(0, std::min<std::size_t>(40, message.find_first_of("0123456789")))}];
      }
      std::this_thread::sleep_for(milliseconds(2));  // a caller that is refused at once would spin
    }
  }
}

}  // namespace smartbatch::testing
