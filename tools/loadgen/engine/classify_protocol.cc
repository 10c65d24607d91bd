#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/rpc/raw_message.h"
#include "smartbatch/proxy/v1/proxy.pb.h"
#include "tools/loadgen/engine/protocol.h"

namespace smartbatch::loadgen {
namespace {

class ClassifyProtocol final : public Protocol {
 public:
  explicit ClassifyProtocol(std::string model) : model_(std::move(model)) {}

  const std::string& method() const override { return method_; }

  grpc::ByteBuffer Request(const std::vector<std::string>& sequences) const override {
    proxy::v1::ProxyClassifyRequest request;
    for (const std::string& sequence : sequences) request.add_sequences(sequence);
    request.set_model(model_);
    return rpc::SerializeMessage(request);
  }

  absl::StatusOr<ServerTimings> Read(const grpc::ByteBuffer& answer, const Trailers&,
                                     std::size_t sequences) const override {
    proxy::v1::ProxyClassifyResponse response;
    if (!rpc::ParseMessage(answer, response).ok()) return absl::InternalError("the answer is damaged");
    if (static_cast<std::size_t>(response.results_size()) != sequences) {
      return absl::InternalError(
          absl::StrCat("the answer has ", response.results_size(), " results for ", sequences, " sequences"));
    }
    const proxy::v1::RequestTimings& told = response.timings();
    return ServerTimings{response.proxy_latency_ms(),
                         told.queue_ms(),
                         told.service_ms(),
                         {told.batch_sizes().begin(), told.batch_sizes().end()},
                         told.strategy(),
                         told.batches()};
  }

 private:
  const std::string model_;
  const std::string method_ = "/smartbatch.proxy.v1.ProxyService/ProxyClassify";
};

}  // namespace

std::unique_ptr<const Protocol> SpeakClassify(const std::string& model) {
  return std::make_unique<ClassifyProtocol>(model);
}

}  // namespace smartbatch::loadgen
