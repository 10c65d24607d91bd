// Requests with more rows than a batch, through a whole proxy, in both protocols: cut into batches, their answers
// joined.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "common/mutex.h"
#include "inference/open_inference.grpc.pb.h"
#include "services/proxy/scheduling/strategies/strategy_registry.h"
#include "services/rpc/listener.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "tests/proxy/running_proxy.h"
#include "tests/support/scripted_model.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Ids;
using testing::ScriptedModel;

constexpr std::uint32_t kSeats = 4;
constexpr std::uint32_t kMostRows = 150;

std::string Limits() { return absl::StrCat("limits { max_batch_size: 4 max_request_rows: ", kMostRows, " } "); }

std::vector<std::string> StrategyNames() {
  std::vector<std::string> names;
  for (const auto& specification : scheduling::AllStrategies()) names.push_back(specification.name);
  return names;
}

// Labels each text with itself. A batch with the text "fail" fails; one with "hang" is answered when it is cancelled.
class Echo final : public classifier::v1::ClassifierService::Service {
 public:
  Echo() {
    listener_.Add(*this, classifier::v1::ClassifierService::service_full_name());
    EXPECT_TRUE(listener_.Start().ok());
  }
  ~Echo() override { listener_.ShutDown(); }

  const std::string& address() const { return listener_.address(); }
  std::vector<std::uint32_t> batches() {
    const MutexLock lock(mutex_);
    return batches_;
  }
  bool hangs() const { return hangs_; }

  grpc::Status Classify(grpc::ServerContext* context, const classifier::v1::ClassifyRequest* request,
                        classifier::v1::ClassifyResponse* response) override {
    {
      const MutexLock lock(mutex_);
      batches_.push_back(static_cast<std::uint32_t>(request->sequences_size()));
    }
    const auto& texts = request->sequences();
    const auto has = [&texts](const char* text) { return std::find(texts.begin(), texts.end(), text) != texts.end(); };
    if (has("fail")) return {grpc::StatusCode::DATA_LOSS, "as asked"};
    hangs_ = has("hang");
    while (has("hang") && !context->IsCancelled()) std::this_thread::sleep_for(milliseconds(1));
    for (const std::string& text : texts) {
      auto& result = *response->add_results();
      result.set_label(text);
      result.set_confidence(0.5);
    }
    return grpc::Status::OK;
  }

 private:
  rpc::Listener listener_{"127.0.0.1:0"};
  std::atomic<bool> hangs_ = false;
  Mutex mutex_;
  std::vector<std::uint32_t> batches_ SMARTBATCH_GUARDED_BY(mutex_);
};

// --- Our own contract ---

class LargeClassifications : public ::testing::Test {
 protected:
  struct Seen {
    grpc::Status status;
    std::vector<std::string> labels;
    v1::RequestTimings timings;
    std::string trailer;
  };

  static std::vector<std::string> Texts(std::uint32_t rows, const std::string& name = "text") {
    std::vector<std::string> texts;
    for (std::uint32_t row = 0; row < rows; ++row) texts.push_back(absl::StrCat(name, " ", row));
    return texts;
  }
  Seen Call(grpc::ClientContext& context, const std::vector<std::string>& texts) {
    v1::ProxyClassifyRequest request;
    request.mutable_sequences()->Add(texts.begin(), texts.end());
    v1::ProxyClassifyResponse response;
    Seen seen;
    seen.status = stub_->ProxyClassify(&context, request, &response);
    for (const auto& result : response.results()) seen.labels.push_back(result.label());
    seen.timings = response.timings();
    const auto trailer = context.GetServerTrailingMetadata().find("x-smartbatch-timings");
    if (trailer != context.GetServerTrailingMetadata().end()) {
      seen.trailer.assign(trailer->second.data(), trailer->second.size());
    }
    return seen;
  }
  Seen Call(const std::vector<std::string>& texts) {
    grpc::ClientContext context;
    SetDeadline(context);
    return Call(context, texts);
  }

  Echo backend_;
  ProxyOf proxy_{Limits() + absl::StrCat(R"(backends { address: ")", backend_.address(), "\" }")};
  const std::unique_ptr<v1::ProxyService::Stub> stub_ = v1::ProxyService::NewStub(ChannelTo(proxy_->address()));
};

TEST_F(LargeClassifications, OfAnySizeAreAnsweredInOrderUnderEveryStrategy) {
  for (const std::string& strategy : StrategyNames()) {
    ASSERT_TRUE(proxy_.SetStrategy("", strategy).ok());
    std::vector<std::future<void>> callers;
    for (std::uint32_t caller = 0; caller < 4; ++caller) {
      callers.push_back(std::async(std::launch::async, [this, caller, &strategy] {
        for (std::uint32_t rows = 1 + caller; rows <= 3 * kSeats + 1 + caller; rows += 2) {
          const auto texts = Texts(rows, absl::StrCat(strategy, caller));
          const Seen seen = Call(texts);
          EXPECT_TRUE(seen.status.ok()) << strategy << ": " << seen.status.error_message();
          EXPECT_EQ(seen.labels, texts) << strategy;
          EXPECT_EQ(seen.timings.batches(), seen.timings.batch_sizes_size());
          EXPECT_GE(seen.timings.batches(), (rows + kSeats - 1) / kSeats);
        }
      }));
    }
  }
  for (const std::uint32_t size : backend_.batches()) EXPECT_LE(size, kSeats);
}

TEST_F(LargeClassifications, BeyondTheLimitAreRefusedWithTheRangeAndTheRemedy) {
  EXPECT_TRUE(Call(Texts(kMostRows)).status.ok());
  const grpc::Status status = Call(Texts(kMostRows + 1)).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), AllOf(HasSubstr("has 151 sequences"), HasSubstr("1 to 150 are allowed"),
                                            HasSubstr("send the rest in other requests")));
}

TEST_F(LargeClassifications, FailWithOneBadTextAndHarmNobodyElse) {
  auto texts = Texts(3 * kSeats);
  texts[kSeats + 2] = "fail";
  std::vector<std::future<Seen>> others;
  for (int i = 0; i < 4; ++i) others.push_back(std::async(std::launch::async, [this] { return Call(Texts(9)); }));
  EXPECT_EQ(Call(texts).status.error_code(), grpc::StatusCode::DATA_LOSS);
  for (auto& other : others) EXPECT_EQ(other.get().labels, Texts(9));
}

TEST_F(LargeClassifications, ThatExpireOrAreCancelledInTheirMiddleGiveTheirBatchesUp) {
  ASSERT_TRUE(proxy_.SetStrategy("", "fcfs").ok());
  auto texts = Texts(3 * kSeats);
  texts[kSeats] = "hang";
  grpc::ClientContext short_of_time;
  short_of_time.set_deadline(std::chrono::system_clock::now() + milliseconds(300));
  EXPECT_EQ(Call(short_of_time, texts).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(Call(Texts(9)).labels, Texts(9));

  grpc::ClientContext given_up;
  SetDeadline(given_up);
  auto call = std::async(std::launch::async, [&] { return Call(given_up, texts); });
  while (!backend_.hangs()) std::this_thread::sleep_for(milliseconds(1));
  given_up.TryCancel();
  EXPECT_EQ(call.get().status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(Call(Texts(9)).labels, Texts(9));
  const auto outcomes = proxy_.StatusOf("").outcomes();
  EXPECT_EQ(outcomes.answered(), 2U);
  EXPECT_EQ(outcomes.answered() + outcomes.expired() + outcomes.cancelled(), outcomes.offered());
}

TEST(ALargeClassification, TellsTheSizesOfTheFirstHundredBatchesInItsTrailer) {
  Echo backend;
  ProxyOf proxy(absl::StrCat("limits { max_batch_size: 1 max_request_rows: 4096 max_sequence_length: 100 } ",
                             R"(backends { address: ")", backend.address(), "\" slots: 4 }"));
  const auto stub = v1::ProxyService::NewStub(ChannelTo(proxy->address()));
  for (const int rows : {100, 4096}) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ProxyClassifyRequest request;
    for (int row = 0; row < rows; ++row) request.add_sequences("text");
    v1::ProxyClassifyResponse response;
    const auto status = stub->ProxyClassify(&context, request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_EQ(response.timings().batch_sizes_size(), rows);
    const auto trailer = context.GetServerTrailingMetadata().find("x-smartbatch-timings")->second;
    EXPECT_THAT(std::string(trailer.data(), trailer.size()), EndsWith(rows == 100 ? ",1,1" : ",1,1 batches=4096"));
    EXPECT_LT(trailer.size(), 400U);
  }
}

// --- The Open Inference Protocol ---

class LargeInferences : public ::testing::Test {
 protected:
  struct Seen {
    grpc::Status status;
    std::vector<Ids> rows;
  };

  static std::vector<Ids> Rows(std::int64_t rows, std::int64_t first) {
    std::vector<Ids> all;
    for (std::int64_t row = 0; row < rows; ++row)
      all.push_back(Ids(static_cast<std::size_t>(1 + first % 5), first + row));
    return all;
  }
  static std::vector<Ids> SquaresOf(std::vector<Ids> rows) {
    for (Ids& row : rows) {
      for (std::int64_t& id : row) id *= id;
    }
    return rows;
  }
  Seen Infer(const std::vector<Ids>& rows, milliseconds timeout = kPatience) {
    inference::ModelInferRequest request;
    request.set_model_name("m");
    auto& input = *request.add_inputs();
    input.set_name("ids");
    input.set_datatype("INT64");
    input.add_shape(static_cast<std::int64_t>(rows.size()));
    input.add_shape(static_cast<std::int64_t>(rows[0].size()));
    std::string& raw = *request.add_raw_input_contents();
    for (const Ids& row : rows) raw.append(reinterpret_cast<const char*>(row.data()), row.size() * sizeof row[0]);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    inference::ModelInferResponse response;
    Seen seen{stub_->ModelInfer(&context, request, &response), {}};
    if (!seen.status.ok()) return seen;
    const auto& shape = response.outputs(0).shape();
    seen.rows.assign(static_cast<std::size_t>(shape[0]), Ids(static_cast<std::size_t>(shape[1])));
    const char* from = response.raw_output_contents(0).data();
    for (Ids& row : seen.rows) {
      std::memcpy(row.data(), from, row.size() * sizeof row[0]);
      from += row.size() * sizeof row[0];
    }
    return seen;
  }

  ScriptedModel model_;  // takes batches of 8
  ProxyOf proxy_{Limits() + absl::StrReplaceAll(R"(
      backends { address: "oip://ADDRESS/m" }
      open_inference { padded_inputs { name: "ids" } trimmed_outputs: "squares" })",
                                                {{"ADDRESS", model_.address()}})};
  const std::unique_ptr<inference::GRPCInferenceService::Stub> stub_ =
      inference::GRPCInferenceService::NewStub(ChannelTo(proxy_->address()));
};

TEST_F(LargeInferences, OfAnySizeAreAnsweredInOrderUnderEveryStrategy) {
  for (const std::string& strategy : StrategyNames()) {
    ASSERT_TRUE(proxy_.SetStrategy("", strategy).ok());
    std::vector<std::future<void>> callers;
    for (std::int64_t caller = 0; caller < 4; ++caller) {
      callers.push_back(std::async(std::launch::async, [this, caller, &strategy] {
        for (std::int64_t rows = 1 + caller; rows <= 3 * kSeats + 1 + caller; rows += 2) {
          const auto sent = Rows(rows, 10 * caller);
          const Seen seen = Infer(sent);
          EXPECT_TRUE(seen.status.ok()) << strategy << ": " << seen.status.error_message();
          EXPECT_EQ(seen.rows, SquaresOf(sent)) << strategy;
        }
      }));
    }
  }
  for (const auto& batch : model_.batches()) EXPECT_LE(batch.inputs(0).shape(0), kSeats);
}

TEST_F(LargeInferences, AreWhatModelConfigAllowsAndLargerOnesAreRefused) {
  grpc::ClientContext context;
  inference::ModelConfigRequest request;
  request.set_name("m");
  inference::ModelConfigResponse response;
  ASSERT_TRUE(stub_->ModelConfig(&context, request, &response).ok());
  ASSERT_EQ(response.config().max_batch_size(), kMostRows);
  EXPECT_TRUE(Infer(Rows(kMostRows, 0)).status.ok());
  const grpc::Status status = Infer(Rows(kMostRows + 1, 0)).status;
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              AllOf(HasSubstr("[151,1]"), HasSubstr("1 to 150"), HasSubstr("send the rest in other requests")));
}

TEST_F(LargeInferences, FailWithOneBadRowAndHarmNobodyElse) {
  auto sent = Rows(3 * kSeats, 0);
  sent[kSeats + 2] = {testing::kError};
  std::vector<std::future<Seen>> others;
  for (int i = 0; i < 4; ++i) others.push_back(std::async(std::launch::async, [this] { return Infer(Rows(9, 5)); }));
  EXPECT_EQ(Infer(sent).status.error_code(), grpc::StatusCode::INTERNAL);
  for (auto& other : others) EXPECT_EQ(other.get().rows, SquaresOf(Rows(9, 5)));
}

TEST_F(LargeInferences, ThatExpireInTheirMiddleGiveTheirBatchesUp) {
  ASSERT_TRUE(proxy_.SetStrategy("", "fair").ok());
  auto sent = Rows(3 * kSeats, 0);
  sent[kSeats] = {testing::kHang};
  EXPECT_EQ(Infer(sent, milliseconds(300)).status.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_EQ(Infer(Rows(9, 5)).rows, SquaresOf(Rows(9, 5)));
}

}  // namespace
}  // namespace smartbatch::proxy
