#include "services/classifier/call.h"

#include <algorithm>
#include <csignal>
#include <iterator>
#include <utility>

#include <spdlog/spdlog.h>

#include "services/classifier/engine.h"
#include "services/rpc/raw_message.h"
#include "services/rpc/status_details.h"
#include "services/rpc/time_left.h"
#include "smartbatch/classifier/v1/classifier.pb.h"

namespace smartbatch::classifier {

Call::Call(const Serving& serving, const grpc::CallbackServerContext& context, grpc::ByteBuffer& response,
           std::function<void()> on_done)
    : serving_(serving), context_(context), response_(response), on_done_(std::move(on_done)) {}

void Call::Start(const grpc::ByteBuffer& request, std::uint64_t batch_number) {
  if (const auto status = Parse(request); !status.ok()) return Refuse(status);
  fault_ = serving_.faults.Decide(batch_number, sequences_);
  crashes_ = serving_.faults.EndTheClassifier(sequences_);
  self_ = shared_from_this();
  serving_.metrics.Queued();
  if (serving_.runner.Submit(shared_from_this())) return;
  serving_.metrics.Unqueued();
  Answer(rpc::ResourceExhausted("max-waiting", "the largest number of batches wait (--max-waiting); call again later",
                                FromSeconds(serving_.cost.Seconds(sequences_.size(), longest_characters_))));
}

void Call::Refuse(const grpc::Status& status) {
  self_ = shared_from_this();
  Answer(status);
}

grpc::Status Call::Parse(const grpc::ByteBuffer& request) {
  v1::ClassifyRequest message;
  if (auto status = rpc::ParseMessage(request, message); !status.ok()) return status;
  std::vector<std::size_t> lengths;
  if (auto status = rpc::CheckSequences(message.sequences(), serving_.limits, lengths); !status.ok()) return status;
  longest_characters_ = *std::max_element(lengths.begin(), lengths.end());
  sequences_.assign(std::make_move_iterator(message.mutable_sequences()->begin()),
                    std::make_move_iterator(message.mutable_sequences()->end()));
  return grpc::Status::OK;
}

Duration Call::Begin() {
  began_ = true;
  serving_.metrics.Unqueued();
  serving_.metrics.Began(sequences_.size());
  v1::ClassifyResponse message;
  for (const std::string& text : sequences_) {
    const Classification classification = Classify(text);
    auto& result = *message.add_results();
    result.set_label(std::string(classification.label));
    result.set_confidence(classification.confidence);
  }
  response_ = rpc::SerializeMessage(message);
  if (crashes_) std::raise(SIGKILL);
  const double seconds = serving_.cost.Seconds(sequences_.size(), longest_characters_);
  switch (fault_) {
    case Fault::kHang:
      return Duration::max();
    case Fault::kSlow:
      return FromSeconds(seconds * serving_.faults.rates.slow_factor);
    default:
      return FromSeconds(seconds);
  }
}

void Call::End(BatchEnd end, Duration held) {
  if (began_) {
    serving_.metrics.Ended(held);
  } else {
    serving_.metrics.Unqueued();
  }
  const auto status = StatusAtEnd(end);
  spdlog::debug("batch of {} sequences, the longest of {} characters: {} after {:.3f} ms in a slot", sequences_.size(),
                longest_characters_, rpc::CodeName(status.error_code()), ToMilliseconds(held));
  Answer(status);
}

grpc::Status Call::StatusAtEnd(BatchEnd end) const {
  if (end == BatchEnd::kDone) {
    if (fault_ != Fault::kError) return grpc::Status::OK;
    return rpc::WithReason(grpc::StatusCode::INTERNAL, "the batch failed, as the --fault-... flags demand",
                           "INJECTED_FAULT");
  }
  if (!context_.IsCancelled())
    return rpc::Unavailable("the classifier stopped before the batch ended", Duration::zero());
  if (rpc::TimeLeft(context_) == Duration::zero()) {
    return {grpc::StatusCode::DEADLINE_EXCEEDED, "the deadline passed before the batch ended"};
  }
  return {grpc::StatusCode::CANCELLED, "the caller gave the call up"};
}

void Call::Answer(const grpc::Status& status) {
  serving_.metrics.Answered(rpc::CodeName(status.error_code()));
  Finish(status);
}

void Call::OnDone() {
  const auto on_done = on_done_;
  self_.reset();  // this object may be gone now
  on_done();
}

}  // namespace smartbatch::classifier
