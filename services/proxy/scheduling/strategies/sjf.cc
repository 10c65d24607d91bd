#include <memory>

#include "services/proxy/scheduling/queue/length_index.h"
#include "services/proxy/scheduling/strategies/strategies.h"

namespace smartbatch::scheduling {
namespace {

// Shortest job first. The length of a request is that of its longest sequence.
//
// The batch is the shortest requests, whole, ties by arrival, up to the first that does not fit. There is no worst
// wait: a request waits for as long as shorter ones keep coming. It also puts a short request into one batch with a far
// longer one, if that one is next and fits.
class Sjf final : public Strategy {
 public:
  void Add(PendingRequest& request, bool again) override {
    if (again) {
      by_length_.PushFront(request);
    } else {
      by_length_.PushBack(request);
    }
  }
  void Remove(PendingRequest& request) override { by_length_.Erase(request); }

  void Select(const Occasion&, Selection& selection) override {
    PendingRequest* request = by_length_.Shortest();
    while (request != nullptr && selection.HasRoomFor(*request)) {
      selection.TakeWaitingOf(*request);
      request = by_length_.NextLonger(*request);
    }
    if (!selection.empty()) selection.DispatchForOrFull(DispatchReason::kSlotFree);
  }

 private:
  RequestsByLength by_length_;
};

}  // namespace

StrategySpecification SjfSpecification() {
  return {
      "sjf",
      "Shortest job first: the requests with the shortest longest sequence, up to the first that does not fit. Long "
      "requests may starve.",
      {},
      [](const StrategyEnvironment&, const Parameters&) -> std::unique_ptr<Strategy> {
        return std::make_unique<Sjf>();
      },
      [](const Parameters&) { return StrategyPromises{.requests = StrategyPromises::Requests::kWhole}; },
  };
}

}  // namespace smartbatch::scheduling
