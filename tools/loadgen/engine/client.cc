#include "tools/loadgen/engine/client.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tools/loadgen/engine/now.h"

namespace smartbatch::loadgen {
namespace {

constexpr char kCustomerKey[] = "x-customer-id";

}  // namespace

struct Client::Call {
  grpc::ClientContext context;
  std::size_t sequences = 0;
  grpc::ByteBuffer response;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
  OnDone on_done;
};

// A status that gRPC makes up without a connection carries nothing that only a server sends.
bool Client::Disconnected(const Call& call) {
  return call.status.error_code() == grpc::StatusCode::UNAVAILABLE && call.status.error_details().empty() &&
         call.context.GetServerInitialMetadata().empty() && call.context.GetServerTrailingMetadata().empty();
}

ServerTimings Client::ReadAnswer(Call& call) const {
  if (!call.status.ok()) return {};
  auto timings = protocol_->Read(call.response, call.context.GetServerTrailingMetadata(), call.sequences);
  if (timings.ok()) return *std::move(timings);
  call.status = {grpc::StatusCode::INTERNAL, std::string(timings.status().message())};
  return {};
}

Client::Client(const ClientOptions& options) : options_(options) {
  for (int i = 0; i < options_.connections; ++i) {
    channels_.push_back(MakeChannel(options_.server));
    stubs_.push_back(std::make_unique<grpc::GenericStub>(channels_.back()));
  }
  for (int i = 0; i < options_.threads; ++i) {
    workers_.push_back(std::make_unique<Worker>());
    workers_.back()->thread = std::jthread([this, &queue = workers_.back()->queue] { TakeAnswers(queue); });
  }
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const ClientOptions& options, Duration patience) {
  std::unique_ptr<Client> client(new Client(options));
  const auto deadline = WallClockAfter(patience);
  for (const auto& channel : client->channels_) {
    if (!channel->WaitForConnected(deadline)) {
      return absl::UnavailableError(absl::StrCat(
          "no server answers at ", options.server.target, " within ", ToSeconds(patience),
          !options.server.speaks_tls
              ? " s: start smartbatch-proxy or name its address with --target; one that speaks TLS needs --tls"
              : " s over TLS: check --target, --ca, --cert with --key and --server-name; a server without TLS "
                "needs no --tls"));
    }
  }
  if (!options.speaks_open_inference) {
    client->protocol_ = SpeakClassify(options.model);
    return client;
  }
  auto protocol = SpeakOpenInference(options.model, options.server, client->channels_.front(), patience);
  if (!protocol.ok()) return protocol.status();
  client->protocol_ = *std::move(protocol);
  return client;
}

Client::~Client() {
  CancelAll();
  WaitUntilIdle(kNever);
  for (const auto& worker : workers_) worker->queue.Shutdown();
}

void Client::Send(const std::string& customer, const std::vector<std::string>& sequences, OnDone on_done) {
  auto call = std::make_unique<Call>();
  call->on_done = std::move(on_done);
  call->sequences = sequences.size();
  call->context.AddMetadata(kCustomerKey, customer);
  AddMetadata(options_.server, call->context);
  call->context.set_deadline(WallClockAfter(options_.deadline));
  std::uint64_t turn = 0;
  {
    const MutexLock lock(mutex_);
    calls_.insert(call.get());
    turn = sent_++;
  }
  Call* const started = call.release();  // owned by the completion queue until TakeAnswers takes it back
  started->reader = stubs_[turn % stubs_.size()]->PrepareUnaryCall(
      &started->context, protocol_->method(), protocol_->Request(sequences), &workers_[turn % workers_.size()]->queue);
  started->reader->StartCall();
  started->reader->Finish(&started->response, &started->status, started);
}

void Client::TakeAnswers(grpc::CompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;  // true for the end of every call
  while (queue.Next(&tag, &ok)) {
    const Time done = Now();
    const std::unique_ptr<Call> call(static_cast<Call*>(tag));
    const ServerTimings timings = ReadAnswer(*call);
    call->on_done({call->status, timings, done, Disconnected(*call)});
    const MutexLock lock(mutex_);
    calls_.erase(call.get());
    if (calls_.empty()) idle_.notify_all();
  }
}

std::size_t Client::in_flight() const {
  const MutexLock lock(mutex_);
  return calls_.size();
}

bool Client::WaitUntilIdle(Time deadline) const {
  const MutexLock lock(mutex_);
  const auto idle = [this]() SMARTBATCH_REQUIRES(mutex_) { return calls_.empty(); };
  if (deadline != kNever) return idle_.wait_until(mutex_, ToSteadyClock(deadline), idle);
  idle_.wait(mutex_, idle);
  return true;
}

void Client::CancelAll() {
  // The lock keeps the calls alive; TryCancel only asks, the end comes through the completion queue.
  const MutexLock lock(mutex_);
  for (Call* const call : calls_) call->context.TryCancel();
}

}  // namespace smartbatch::loadgen
