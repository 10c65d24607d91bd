#include "services/proxy/transport/backends/backend_client.h"

#include <chrono>
#include <utility>
#include <vector>

#include <absl/strings/str_format.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <spdlog/spdlog.h>

#include "common/program/limited_log.h"
#include "common/program/logging.h"
#include "services/proxy/scheduling/model/batch_end.h"
#include "services/proxy/transport/backends/backend_answer.h"
#include "services/proxy/transport/backends/lost_connection.h"
#include "services/proxy/transport/customers/caller.h"
#include "services/rpc/status_details.h"
#include "services/rpc/tag.h"

namespace smartbatch::transport {
namespace {

using scheduling::HealthReport;

// gRPC's own text says only that a deadline has passed.
absl::Status NoAnswerWithin(Duration timeout) {
  return absl::DeadlineExceededError(
      absl::StrFormat("the backend has not answered a batch within %.3g s; if it is not hung, its batches take longer: "
                      "set --batch-timeout-seconds above their time",
                      ToSeconds(timeout)));
}

}  // namespace

std::shared_ptr<grpc::Channel> Connect(const std::string& address, int max_answer_bytes,
                                       const BackendClientOptions& options) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);  // despite its name, how long one attempt may take
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_ENABLE_CHANNELZ, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(max_answer_bytes);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxReplyMetadataBytes);
  if (!options.server_name.empty()) arguments.SetSslTargetNameOverride(options.server_name);
  return grpc::CreateCustomChannel(address, options.credentials, arguments);
}

// One batch at the backend. The client owns it until the queue reports its end.
class BackendClient::BatchCall final : public rpc::Tag {
 public:
  BatchCall(BackendClient& client, scheduling::BatchId id, runtime::BatchReply reply)
      : client_(client), id_(id), reply_(std::move(reply)) {}

  void Start(const runtime::OutgoingBatch& batch, const std::shared_ptr<grpc::Channel>& channel) {
    rows_ = batch.rows;
    for (const runtime::CallContext& caller : batch.contexts) {
      if (!caller.request_id.empty()) context_.AddMetadata(kRequestIdKey, caller.request_id);
      if (!caller.trace_parent.empty()) context_.AddMetadata(kTraceParentKey, caller.trace_parent);
    }
    timeout_ = batch.timeout;
    context_.set_deadline(std::chrono::system_clock::now() + timeout_);
    grpc::GenericStub stub(channel);
    reader_ = stub.PrepareUnaryCall(&context_, client_.path_, client_.codec_.Write(rows_), &client_.queue_);
    reader_->StartCall();
    reader_->Finish(&response_, &status_, this);
  }

  void Cancel() { context_.TryCancel(); }

  void Run(bool /*always true*/) override {
    const auto self = client_.Take(id_);
    absl::StatusOr<runtime::BatchResults> results = Outcome();
    if (!results.ok()) LogFailure(results.status());
    client_.Remember(results.status());
    if (status_.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED) client_.ConnectAnew();
    std::move(reply_).Fulfil(std::move(results));
  }

 private:
  absl::StatusOr<runtime::BatchResults> Outcome() {
    if (!status_.ok()) {
      const bool timed_out = status_.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
      // The backend may have answered with that code, for a reason of its own.
      if (timed_out && std::chrono::system_clock::now() >= context_.deadline()) return NoAnswerWithin(timeout_);
      const absl::Status failure = FailureOf(status_);
      return LostConnection(status_, context_.peer()) ? scheduling::Fell(failure) : failure;
    }
    return client_.codec_.Read(response_, rows_);
  }

  // A batch that we gave up, or that the backend refused because it is busy, is expected and logged as debug only.
  void LogFailure(const absl::Status& failure) const {
    const bool expected = absl::IsCancelled(failure) || absl::IsResourceExhausted(failure);
    static program::LogLimit limit;
    program::LogLimited(limit, expected ? spdlog::level::debug : spdlog::level::warn,
                        "batch={} backend={} code={} message={}", id_, client_.address_,
                        rpc::CodeName(failure.raw_code()), program::Quoted(std::string(failure.message())));
  }

  BackendClient& client_;
  const scheduling::BatchId id_;
  runtime::BatchReply reply_;
  std::vector<protocol::RowRef> rows_;
  Duration timeout_{};
  grpc::ClientContext context_;
  grpc::ByteBuffer response_;
  grpc::Status status_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> reader_;
};

BackendClient::BackendClient(const std::string& address, const protocol::BackendCodec& codec,
                             grpc::CompletionQueue& queue, BackendClientOptions options)
    : address_(address),
      codec_(codec),
      path_(codec.method().path()),
      options_(std::move(options)),
      queue_(queue),
      channel_(Connect(address, codec_.max_answer_bytes(), options_)) {}

BackendClient::~BackendClient() { StopHealthChecks(); }

void BackendClient::Send(const runtime::OutgoingBatch& batch, runtime::BatchReply reply) {
  auto owned = std::make_unique<BatchCall>(*this, batch.id, std::move(reply));
  BatchCall& call = *owned;
  std::shared_ptr<grpc::Channel> channel;
  {
    const MutexLock lock(mutex_);
    calls_.emplace(batch.id, std::move(owned));
    channel = channel_;
  }
  call.Start(batch, channel);
}

void BackendClient::ConnectAnew() {
  std::shared_ptr<grpc::Channel> channel = Connect(address_, codec_.max_answer_bytes(), options_);
  const MutexLock lock(mutex_);
  channel_.swap(channel);
}

void BackendClient::Remember(const absl::Status& status) {
  if (absl::IsCancelled(status)) return;  // we gave it up
  constexpr std::size_t kMostBytes = 200;
  std::string trouble;
  if (!status.ok()) {
    trouble = rpc::CodeName(status.raw_code()) + ": " + rpc::Shortened(std::string(status.message()), kMostBytes);
  }
  const MutexLock lock(mutex_);
  trouble_.swap(trouble);
}

std::string BackendClient::trouble() const {
  const MutexLock lock(mutex_);
  return trouble_;
}

void BackendClient::StartHealthChecks(Duration interval, std::function<void(scheduling::HealthReport)> report) {
  const auto connection = [this] {
    const MutexLock lock(mutex_);
    return channel_;
  };
  const auto pass_on = [this, report = std::move(report)](HealthReport said, const absl::Status& reason) {
    if (absl::IsDeadlineExceeded(reason)) ConnectAnew();
    if (said == HealthReport::kNotServing) {
      Remember(absl::UnavailableError("its health check says that it does not serve"));
    } else if (said != HealthReport::kConnects) {  // which is no trouble, and ends none
      Remember(reason);
    }
    report(said);
  };
  health_ = HealthChecker::Start(queue_, interval, codec_.health(), connection, pass_on);
}

void BackendClient::StopHealthChecks() {
  if (health_) health_->Stop();
}

void BackendClient::Cancel(scheduling::BatchId id) {
  const MutexLock lock(mutex_);
  const auto found = calls_.find(id);
  if (found != calls_.end()) found->second->Cancel();
}

std::unique_ptr<BackendClient::BatchCall> BackendClient::Take(scheduling::BatchId id) {
  const MutexLock lock(mutex_);
  return std::move(calls_.extract(id).mapped());
}

}  // namespace smartbatch::transport
