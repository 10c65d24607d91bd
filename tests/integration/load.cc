#include "tests/integration/load.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stdexcept>
#include <utility>

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_unary_call.h>

#include "common/random.h"
#include "inference/open_inference.grpc.pb.h"
#include "smartbatch/proxy/v1/proxy.grpc.pb.h"
#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

// ScriptedModel takes larger ids for orders.
constexpr std::int64_t kMostId = 600;

// One caller's calls, one at a time.
class Calls {
 public:
  virtual ~Calls() = default;
  // Sends a request of some sequences; the tag comes when the call has ended.
  virtual void Start(Random& random, grpc::ClientContext& context, grpc::CompletionQueue& queue, void* tag) = 0;
  // Returns true if the answer is that to the request.
  virtual bool IsRight() const = 0;
  const grpc::Status& status() const { return status_; }

 protected:
  grpc::Status status_;
};

class ClassifyCalls final : public Calls {
 public:
  ClassifyCalls(const std::shared_ptr<grpc::Channel>& channel, std::string model)
      : model_(std::move(model)), stub_(proxy::v1::ProxyService::NewStub(channel)) {}

  void Start(Random& random, grpc::ClientContext& context, grpc::CompletionQueue& queue, void* tag) override {
    request_.Clear();
    request_.set_model(model_);
    for (std::int64_t n = random.Between(1, 5); n > 0; --n) {
      const auto length = static_cast<std::size_t>(random.Between(5, 60));
      request_.add_sequences((random.Chance(0.5) ? "def " : "say ") + std::string(length, 'x'));
    }
    call_ = stub_->AsyncProxyClassify(&context, request_, &queue);
    call_->Finish(&response_, &status_, tag);
  }
  bool IsRight() const override {
    if (response_.results_size() != request_.sequences_size()) return false;
    for (int i = 0; i < request_.sequences_size(); ++i) {
      const bool code = request_.sequences(i).rfind("def ", 0) == 0;
      if (response_.results(i).label() != (code ? "code" : "not code")) return false;
    }
    return true;
  }

 private:
  const std::string model_;
  const std::unique_ptr<proxy::v1::ProxyService::Stub> stub_;
  proxy::v1::ProxyClassifyRequest request_;
  proxy::v1::ProxyClassifyResponse response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<proxy::v1::ProxyClassifyResponse>> call_;
};

class InferCalls final : public Calls {
 public:
  InferCalls(const std::shared_ptr<grpc::Channel>& channel, std::string model)
      : model_(std::move(model)), stub_(inference::GRPCInferenceService::NewStub(channel)) {}

  void Start(Random& random, grpc::ClientContext& context, grpc::CompletionQueue& queue, void* tag) override {
    rows_ = random.Between(1, 5);
    length_ = random.Between(1, 20);
    ids_.assign(static_cast<std::size_t>(rows_ * length_), 0);
    for (std::int64_t& id : ids_) id = random.Between(1, kMostId);
    inference::ModelInferRequest request;
    request.set_model_name(model_);
    auto& input = *request.add_inputs();
    input.set_name("ids");
    input.set_datatype("INT64");
    input.add_shape(rows_);
    input.add_shape(length_);
    request.add_raw_input_contents(reinterpret_cast<const char*>(ids_.data()), ids_.size() * sizeof ids_[0]);
    call_ = stub_->AsyncModelInfer(&context, request, &queue);
    call_->Finish(&response_, &status_, tag);
  }
  bool IsRight() const override {
    std::vector<std::int64_t> squares;
    for (const std::int64_t id : ids_) squares.push_back(id * id);
    const std::string expected(reinterpret_cast<const char*>(squares.data()), squares.size() * sizeof squares[0]);
    return response_.outputs_size() == 1 && response_.outputs(0).shape_size() == 2 &&
           response_.outputs(0).shape(0) == rows_ && response_.outputs(0).shape(1) == length_ &&
           response_.raw_output_contents_size() == 1 && response_.raw_output_contents(0) == expected;
  }

 private:
  const std::string model_;
  const std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  std::int64_t rows_ = 0;
  std::int64_t length_ = 0;
  std::vector<std::int64_t> ids_;
  inference::ModelInferResponse response_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<inference::ModelInferResponse>> call_;
};

std::unique_ptr<Calls> CallsTo(const std::shared_ptr<grpc::Channel>& channel, const LoadOptions& options) {
  if (options.open_inference) return std::make_unique<InferCalls>(channel, options.model);
  return std::make_unique<ClassifyCalls>(channel, options.model);
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
  const std::unique_ptr<Calls> calls = CallsTo(channel, options);
  grpc::CompletionQueue queue;
  while (!stop.stop_requested()) {
    const bool impatient = random.Chance(options.impatient_share);
    const milliseconds timeout = impatient ? milliseconds(random.Between(0, 20)) : options.timeout;
    grpc::ClientContext context;
    context.AddMetadata("x-customer-id", "customer-" + std::to_string(caller % 5));
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    const auto due = steady_clock::now() + timeout;
    ++issued_;
    calls->Start(random, context, queue, this);

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
    const grpc::Status& status = calls->status();
    ++ended_.at(static_cast<std::size_t>(status.error_code()));
    if (status.ok() && !calls->IsRight()) ++wrong_;
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
