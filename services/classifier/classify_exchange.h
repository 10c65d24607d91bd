// Classify, of our own contract.
#pragma once

#include <cstddef>
#include <vector>

#include "services/classifier/exchange.h"
#include "services/rpc/sequences.h"

namespace smartbatch::classifier {

class ClassifyExchange final : public Exchange {
 public:
  // Reads at most as many sequences, and as long ones, as the limits allow.
  explicit ClassifyExchange(const rpc::SequenceLimits& limits) : limits_(limits) {}

  grpc::Status Read(const grpc::ByteBuffer& request) override;
  const BatchRows& rows() const override { return rows_; }
  std::size_t row_count() const override { return count_; }
  std::size_t longest() const override { return longest_; }
  grpc::ByteBuffer Write(const std::vector<Answer>& answers) const override;

 private:
  const rpc::SequenceLimits limits_;
  BatchRows rows_;
  std::size_t count_ = 0;
  std::size_t longest_ = 0;
};

}  // namespace smartbatch::classifier
