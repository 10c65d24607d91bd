// What our own contract carries: texts, and a backend's classification of each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "services/proxy/protocol/rows.h"

namespace smartbatch::protocol::classify {

class Texts final : public Payload {
 public:
  // The length of each text in characters.
  Texts(std::vector<std::string> texts, std::vector<std::uint32_t> lengths, std::string model = {})
      : texts_(std::move(texts)), lengths_(std::move(lengths)), model_(std::move(model)) {}

  const std::string& model() const override { return model_; }
  std::span<const std::uint32_t> lengths() const override { return lengths_; }
  const std::string& batch_key() const override {
    static const std::string any;
    return any;
  }
  std::size_t bytes() const override {
    std::size_t bytes = 0;
    for (const std::string& text : texts_) bytes += text.size();
    return bytes;
  }

  const std::string& operator[](std::uint32_t row) const { return texts_[row]; }

 private:
  const std::vector<std::string> texts_;
  const std::vector<std::uint32_t> lengths_;
  const std::string model_;
};

// The text of a row whose payload is a Texts.
inline const std::string& TextOf(const RowRef& row) { return static_cast<const Texts&>(*row.payload)[row.row]; }

// A backend's classification of one text.
struct Classification {
  std::string label;
  double confidence = 0;
};

class Classifications final : public BatchAnswer {
 public:
  explicit Classifications(std::vector<Classification> all) : all_(std::move(all)) {}
  const Classification& operator[](std::uint32_t row) const { return all_[row]; }
  std::size_t size() const { return all_.size(); }

 private:
  const std::vector<Classification> all_;
};

// The classification that is the result of a row.
inline const Classification& ClassificationOf(const RowResult& result) {
  return static_cast<const Classifications&>(*result.answer)[result.row];
}

// One result for each classification, in order.
inline BatchResults ResultsOf(std::vector<Classification> classifications) {
  const auto answer = std::make_shared<const Classifications>(std::move(classifications));
  BatchResults results;
  results.reserve(answer->size());
  for (std::uint32_t row = 0; row < answer->size(); ++row) results.push_back({answer, row});
  return results;
}

}  // namespace smartbatch::protocol::classify
