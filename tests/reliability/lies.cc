#include "tests/reliability/lies.h"

#include <atomic>
#include <limits>
#include <memory>
#include <string>

namespace smartbatch::testing {
namespace {

using classifier::v1::ClassifyRequest;
using classifier::v1::ClassifyResponse;

// The answer of the shipped classifier, so that only the damage makes an answer wrong.
ClassifyResponse Truth(const ClassifyRequest& request) {
  ClassifyResponse response;
  for (const std::string& text : request.sequences()) {
    auto& result = *response.add_results();
    result.set_label(text.rfind("def ", 0) == 0 ? "code" : "not code");
    result.set_confidence(1);
  }
  return response;
}

std::string Damaged(const ClassifyRequest& request, int how) {
  ClassifyResponse truth = Truth(request);
  std::string bytes = truth.SerializeAsString();
  switch (how) {
    case 0:
      bytes.pop_back();
      return bytes;
    case 1:
      bytes.resize(bytes.size() - 10);
      return bytes;
    case 2:
      return std::string(bytes.size(), '\xff');
    case 3:
      bytes.at(bytes.find("code")) = '\xff';
      return bytes;
    default:
      truth.mutable_results(0)->set_confidence(std::numeric_limits<double>::quiet_NaN());
      return truth.SerializeAsString();
  }
}

RawClassifier::Reply Oversized(const ClassifyRequest& request, int how) {
  constexpr std::size_t kFiveMegabytes = 5'000'000;
  const std::string long_text(20'000, 'x');
  ClassifyResponse truth = Truth(request);
  switch (how) {
    case 0:
      truth.mutable_results(0)->set_label(std::string(kFiveMegabytes, 'x'));
      return {.message = truth.SerializeAsString()};
    case 1:
      return {.message = {}, .status = {grpc::StatusCode::INTERNAL, long_text}};
    default:
      return {.message = {}, .status = {grpc::StatusCode::INTERNAL, ""}, .trailing_metadata = {{"x-long", long_text}}};
  }
}

}  // namespace

RawClassifier::Answer OneResultTooFew() {
  return [](const ClassifyRequest& request) {
    ClassifyResponse response = Truth(request);
    response.mutable_results()->RemoveLast();
    return RawClassifier::Reply{.message = response.SerializeAsString()};
  };
}

RawClassifier::Answer DamagedReplies() {
  const auto turn = std::make_shared<std::atomic<int>>(0);
  return [turn](const ClassifyRequest& request) {
    constexpr int kWays = 5;
    return RawClassifier::Reply{.message = Damaged(request, (*turn)++ % kWays)};
  };
}

RawClassifier::Answer OversizedReplies() {
  const auto turn = std::make_shared<std::atomic<int>>(0);
  return [turn](const ClassifyRequest& request) {
    constexpr int kWays = 3;
    return Oversized(request, (*turn)++ % kWays);
  };
}

}  // namespace smartbatch::testing
