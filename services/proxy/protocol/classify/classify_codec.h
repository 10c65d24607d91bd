// The codecs of our own contract: ProxyClassify for customers, Classify for backends.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/word_pieces.h"
#include "services/proxy/protocol/codec.h"
#include "services/rpc/sequences.h"

namespace smartbatch::protocol::classify {

// What a request for a model may hold, and what the length of a text is.
struct ModelTexts {
  std::string name;
  rpc::SequenceLimits limits;
  // Texts count in tokens by this; if it is null, in characters.
  std::shared_ptr<const WordPieces> vocabulary = nullptr;
};

class ClassifyCustomerCodec final : public CustomerCodec {
 public:
  // At least one; the first is the model of requests that name none.
  explicit ClassifyCustomerCodec(std::vector<ModelTexts> models);

  const Method& method() const override;
  double max_request_bytes() const override;
  // NOT_FOUND for a model that is not there; INVALID_ARGUMENT as rpc::CheckSequences and rpc::ParseMessage say; a
  // message of more sequences than 1,024, and than any model takes, is not even parsed.
  grpc::Status Read(const grpc::ByteBuffer& message, std::shared_ptr<const Payload>& payload) const override;
  absl::StatusOr<grpc::ByteBuffer> Write(const Payload& payload, std::span<const RowResult> results,
                                         const Timings& timings) const override;

 private:
  const ModelTexts* Find(std::string_view model) const;

  const std::vector<ModelTexts> models_;
  const std::uint64_t most_fields_;
};

class ClassifyBackendCodec final : public BackendCodec {
 public:
  // `max_batch_size` is the number of sequences in the largest batch that is sent.
  explicit ClassifyBackendCodec(std::uint32_t max_batch_size) : max_batch_size_(max_batch_size) {}

  const Method& method() const override;
  // grpc.health.v1, for the server as a whole.
  HealthQuestion health() const override;
  // The larger of 4 MiB and 16 KiB for each sequence of the largest batch, as classifier.proto says.
  int max_answer_bytes() const override;
  grpc::ByteBuffer Write(std::span<const RowRef> rows) const override;
  // INTERNAL if the answer breaks the contract in classifier.proto: there is not one result for each sequence, a label
  // is empty, or a confidence is not from 0 to 1.
  absl::StatusOr<BatchResults> Read(const grpc::ByteBuffer& message, std::span<const RowRef> rows) const override;

 private:
  const std::uint32_t max_batch_size_;
};

}  // namespace smartbatch::protocol::classify
