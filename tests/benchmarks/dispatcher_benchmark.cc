// What the one lock of a model's dispatcher lets through: requests a second of several threads that share dispatchers
// as the proxy makes them, with every observer. A backend takes the batches at once; nothing is sent.
//
//   benchmark-dispatcher --benchmark_filter=outside_us:20
//
// An iteration is a request of one sequence; a batch comes back after every fourth. `outside_us` is the processor time
// that the request takes outside of the lock, as gRPC takes it in the proxy, `models` the number of dispatchers.
#include <sys/resource.h>
#include <time.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <absl/status/statusor.h>
#include <absl/strings/str_cat.h>
#include <benchmark/benchmark.h>
#include <spdlog/spdlog.h>

#include "common/mutex.h"
#include "services/proxy/config/config.h"
#include "services/proxy/protocol/classify/texts.h"
#include "services/proxy/runtime/backend_link.h"
#include "services/proxy/runtime/clock.h"
#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/served_model.h"

namespace smartbatch {
namespace {

constexpr std::size_t kRequestsOfABatch = 4;
constexpr std::uint32_t kMaxBatchSize = 5;
constexpr std::uint32_t kSlots = 8;
constexpr std::size_t kCustomers = 16;
constexpr std::size_t kTextBytes = 80;

std::int64_t Nanoseconds(const timespec& time) { return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; }

// Keeps the thread busy until it has used that much more processor time.
void Work(std::int64_t microseconds) {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  const std::int64_t end = Nanoseconds(time) + microseconds * 1000;
  while (Nanoseconds(time) < end) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
}

// How often this thread has waited so far, for a lock above all.
std::int64_t Waits() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// Holds the batches until a thread lets the oldest come back. Thread safe; its lock is held for some ten nanoseconds.
class HoldingBackend final : public runtime::BackendLink {
 public:
  void Send(const runtime::OutgoingBatch& batch, runtime::BatchReply reply) override {
    const MutexLock lock(mutex_);
    held_.emplace_back(batch.rows.size(), std::move(reply));
  }
  void Cancel(scheduling::BatchId /*id*/) override {}

  // Answers the oldest batch, if there is one.
  void AnswerOldest() {
    std::pair<std::size_t, runtime::BatchReply> oldest;
    {
      const MutexLock lock(mutex_);
      if (held_.empty()) return;
      oldest = std::move(held_.front());
      held_.pop_front();
    }
    std::move(oldest.second).Fulfil(runtime::BatchResults(oldest.first));
  }

 private:
  Mutex mutex_;
  std::deque<std::pair<std::size_t, runtime::BatchReply>> held_ SMARTBATCH_GUARDED_BY(mutex_);
};

// A model as the proxy serves it, but for its backend.
class Model {
 public:
  Model() : model_(*proxy::ServedModel::Create({"", ConfigOfOne()}, clock_, nullptr)) {
    dispatcher().AddBackend("backend", kSlots, {}, backend_);
    dispatcher().Attend();  // the threads look at the time; there is no timer's thread to wake
  }
  ~Model() {
    while (!dispatcher().WaitUntilIdle(Duration::zero())) AnswerOldest();
    dispatcher().Rest();
  }
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  void Submit(const std::string& customer) {
    runtime::Submission request{
        .customer = customer,
        .payload = std::make_shared<const protocol::classify::Texts>(
            std::vector<std::string>{std::string(kTextBytes, 'x')}, std::vector<std::uint32_t>{kTextBytes})};
    auto ticket = std::make_unique<runtime::Ticket>();
    runtime::Ticket& name = *ticket;
    dispatcher().Submit(std::move(request), name,
                        runtime::Reply([held = std::move(ticket)](const absl::StatusOr<runtime::Ending>& ending) {
                          benchmark::DoNotOptimize(ending.ok());
                        }));
    dispatcher().TickIfDue();
  }
  void AnswerOldest() {
    backend_.AnswerOldest();
    dispatcher().TickIfDue();
  }
  runtime::Dispatcher& dispatcher() { return model_->dispatcher(); }

 private:
  static proxy::Config ConfigOfOne() {
    proxy::Config config;
    config.settings.mutable_limits()->set_max_batch_size(kMaxBatchSize);
    return config;
  }

  const runtime::SteadyClock clock_;
  HoldingBackend backend_;  // outlives the dispatcher
  const std::unique_ptr<proxy::ServedModel> model_;
};

void Requests(benchmark::State& state) {
  static std::vector<std::unique_ptr<Model>> models;  // of the run at hand; thread 0 makes and destroys them
  const std::int64_t outside = state.range(0);
  const auto count = static_cast<std::size_t>(state.range(1));
  if (state.thread_index() == 0) {
    for (std::size_t i = 0; i < count; ++i) models.push_back(std::make_unique<Model>());
  }
  std::vector<std::string> customers;
  for (std::size_t i = 0; i < kCustomers; ++i) customers.push_back(absl::StrCat("customer-", i));
  const auto thread = static_cast<std::size_t>(state.thread_index());
  const std::int64_t waits = Waits();
  std::size_t requests = 0;
  for (auto _ : state) {  // all threads begin and end together
    models[(thread + requests) % count]->Submit(customers[(thread + requests) % kCustomers]);
    ++requests;
    if (requests % kRequestsOfABatch == 0) models[(thread + requests / kRequestsOfABatch) % count]->AnswerOldest();
    if (outside > 0) Work(outside);
  }
  if (thread == 0) models.clear();
  state.SetItemsProcessed(static_cast<std::int64_t>(requests));
  state.counters["waits"] = benchmark::Counter(static_cast<double>(Waits() - waits));
  state.counters["requests"] = benchmark::Counter(static_cast<double>(requests));
}

}  // namespace
}  // namespace smartbatch

int main(int argc, char** argv) {
  using smartbatch::Requests;
  spdlog::set_level(spdlog::level::err);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  for (const int threads : {1, 2, 4, 8, 16}) {
    for (const std::int64_t models : {1, 2, 4}) {
      if (models > threads) continue;
      for (const std::int64_t outside : {0, 20}) {
        benchmark::RegisterBenchmark("requests", Requests)
            ->ArgNames({"outside_us", "models"})
            ->Args({outside, models})
            ->Threads(threads)
            ->UseRealTime()
            ->Unit(benchmark::kMicrosecond);
      }
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
