// One proxy, two models whose backends run on one device.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <absl/strings/str_replace.h>
#include <gmock/gmock.h>

#include "services/rpc/listener.h"
#include "smartbatch/classifier/v1/classifier.grpc.pb.h"
#include "tests/proxy/running_proxy.h"
#include "tests/support/http_get.h"

namespace smartbatch::proxy {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// What all servers on the device compute at this moment, and the most that it ever was.
struct DeviceLoad {
  std::atomic<int> batches = 0;
  std::atomic<int> most = 0;
};

// A model server on the device. A batch takes 4 ms, however many there are.
class ServerOnDevice final : public classifier::v1::ClassifierService::Service {
 public:
  explicit ServerOnDevice(DeviceLoad& load) : load_(load) {
    listener_.Add(*this, classifier::v1::ClassifierService::service_full_name());
    EXPECT_TRUE(listener_.Start().ok());
  }
  ~ServerOnDevice() override { listener_.ShutDown(); }

  const std::string& address() const { return listener_.address(); }

  grpc::Status Classify(grpc::ServerContext*, const classifier::v1::ClassifyRequest* request,
                        classifier::v1::ClassifyResponse* response) override {
    const int batches = ++load_.batches;
    for (int most = load_.most; batches > most && !load_.most.compare_exchange_weak(most, batches);) {
    }
    std::this_thread::sleep_for(milliseconds(4));
    for (int i = 0; i < request->sequences_size(); ++i) response->add_results()->set_label("seen");
    --load_.batches;
    return grpc::Status::OK;
  }

 private:
  DeviceLoad& load_;
  rpc::Listener listener_{"127.0.0.1:0"};
};

// Customers of both models who send one text after the other, more at once than batches have seats.
class Callers {
 public:
  Callers(Proxy& proxy, int of_each) {
    for (int i = 0; i < 2 * of_each; ++i) {
      threads_.emplace_back([this, &proxy, model = i % 2](const std::stop_token& stop) {
        const auto stub = v1::ProxyService::NewStub(ChannelTo(proxy.address()));
        while (!stop.stop_requested()) {
          grpc::ClientContext context;
          SetDeadline(context);
          v1::ProxyClassifyRequest request;
          if (model == 1) request.set_model("large");
          request.add_sequences("text");
          v1::ProxyClassifyResponse response;
          const bool ok = stub->ProxyClassify(&context, request, &response).ok();
          ++(ok ? answered.at(static_cast<std::size_t>(model)) : failed);
        }
      });
    }
  }

  std::array<std::atomic<int>, 2> answered{};  // of the default model, and of the large one
  std::atomic<int> failed = 0;

 private:
  std::vector<std::jthread> threads_;
};

class TwoModelsOnADevice : public ::testing::Test {
 protected:
  std::string Config(const std::string& devices, const std::string& of_backends) const {
    return absl::StrReplaceAll(
        R"(DEVICES strategy { name: "fcfs" parameters { key: "linger_ms" value: "0" } }
        limits { max_batch_size: 2 } cost { fixed: 0.004 quadratic: 0 } health_check_seconds: 0
        backends { address: "SMALL" slots: 3 OF_BACKENDS }
        models { name: "large" backends { address: "LARGE" slots: 3 OF_BACKENDS } })",
        {{"DEVICES", devices}, {"SMALL", small_.address()}, {"LARGE", large_.address()}, {"OF_BACKENDS", of_backends}});
  }
  // Waits until both models have been answered that often since now.
  static void WaitFor(Callers& callers, int answers) {
    const int first = callers.answered[0] + answers;
    const int second = callers.answered[1] + answers;
    const auto end = steady_clock::now() + kPatience;
    while ((callers.answered[0] < first || callers.answered[1] < second) && steady_clock::now() < end) {
      std::this_thread::sleep_for(milliseconds(2));
    }
    EXPECT_GE(callers.answered[0], first);
    EXPECT_GE(callers.answered[1], second);
  }

  DeviceLoad load_;
  ServerOnDevice small_{load_};
  ServerOnDevice large_{load_};
};

TEST_F(TwoModelsOnADevice, NeverRunMoreBatchesThanItHasSlotsAndGetItsTimeByWeight) {
  ProxyOf proxy(
      Config(R"(devices { name: "gpu0" slots: 1 shares { model: "large" weight: 3 } })", R"(device: "gpu0")"));
  Callers callers(*proxy, 12);
  WaitFor(callers, 200);
  const double small = proxy.StatusOf("").devices(0).used_seconds();
  const double large = proxy.StatusOf("large").devices(0).used_seconds();
  EXPECT_EQ(load_.most, 1);
  EXPECT_GT(large / small, 2.5);
  EXPECT_LT(large / small, 3.5);
  EXPECT_EQ(callers.failed, 0);
}

TEST_F(TwoModelsOnADevice, RunAsManyBatchesAsTheirBackendsHaveSlotsIfNothingNamesIt) {
  ProxyOf proxy(Config("", ""));
  Callers callers(*proxy, 12);
  WaitFor(callers, 200);
  EXPECT_GT(load_.most, 3) << "the control: more than one model's";
  EXPECT_EQ(proxy.StatusOf("").devices_size(), 0);
}

TEST_F(TwoModelsOnADevice, HaveItAloneWhileTheOtherWantsNothing) {
  ProxyOf proxy(Config(R"(devices { name: "gpu0" shares { model: "large" weight: 1000 } })", R"(device: "gpu0")"));
  const auto stub = v1::ProxyService::NewStub(ChannelTo(proxy->address()));
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    SetDeadline(context);
    v1::ProxyClassifyRequest request;
    request.add_sequences("text");
    v1::ProxyClassifyResponse response;
    EXPECT_TRUE(stub->ProxyClassify(&context, request, &response).ok());
  }
  EXPECT_GT(proxy.StatusOf("").devices(0).used_seconds(), 0.08);
  EXPECT_EQ(proxy.StatusOf("large").devices(0).used_seconds(), 0);
}

TEST_F(TwoModelsOnADevice, TakeOverItsSlotsAndTheirSharesAndAnotherDeviceWhileTheyRun) {
  ProxyOf proxy(Config(R"(devices { name: "gpu0" slots: 1 })", R"(device: "gpu0")"));
  Callers callers(*proxy, 12);
  const auto reload = [&](const std::string& devices, const std::string& of_backends) {
    proxy.Write(Config(devices, of_backends));
    proxy->Reload();
    WaitFor(callers, 60);  // what ran before has ended
    load_.most = 0;
    WaitFor(callers, 60);
  };
  reload(R"(devices { name: "gpu0" slots: 2 })", R"(device: "gpu0")");
  EXPECT_EQ(load_.most, 2);
  EXPECT_EQ(proxy.StatusOf("").devices(0).slots(), 2U);
  reload(R"(devices { name: "gpu1" slots: 1 })", R"(device: "gpu1")");
  EXPECT_EQ(load_.most, 1);
  EXPECT_EQ(proxy.StatusOf("large").devices(0).device(), "gpu1");
  const double small = proxy.StatusOf("").devices(0).used_seconds();
  const double large = proxy.StatusOf("large").devices(0).used_seconds();
  reload(R"(devices { name: "gpu1" slots: 1 shares { model: "default" weight: 4 } })", R"(device: "gpu1")");
  WaitFor(callers, 60);
  EXPECT_GT(proxy.StatusOf("").devices(0).used_seconds() - small,
            2.5 * (proxy.StatusOf("large").devices(0).used_seconds() - large));
  reload("", "");
  EXPECT_GT(load_.most, 3);
  EXPECT_EQ(callers.failed, 0);
}

TEST_F(TwoModelsOnADevice, TellOfItInTheMetrics) {
  ProxyOf proxy(Config(R"(devices { name: "gpu0" slots: 1 })", R"(device: "gpu0")"));
  {
    Callers callers(*proxy, 2);
    WaitFor(callers, 20);
  }
  const std::string text = testing::HttpGet(proxy->metrics_address(), "/metrics");
  EXPECT_THAT(text, AllOf(HasSubstr("\nsmartbatch_device_slots{device=\"gpu0\"} 1\n"),
                          HasSubstr("\nsmartbatch_device_slots_in_use{device=\"gpu0\"} 0\n"),
                          HasSubstr("\nsmartbatch_device_used_seconds_total{device=\"gpu0\"} 0."),
                          HasSubstr("\nsmartbatch_device_used_seconds_total{device=\"gpu0\",model=\"large\"} 0.")));
  proxy.Write(Config("", ""));
  proxy->Reload();
  EXPECT_THAT(testing::HttpGet(proxy->metrics_address(), "/metrics"), Not(HasSubstr("\nsmartbatch_device_slots{")));
}

TEST_F(TwoModelsOnADevice, AreBothAnsweredWhenTheProxyStops) {
  ProxyOf proxy(Config(R"(devices { name: "gpu0" slots: 1 })", R"(device: "gpu0")"));
  std::vector<std::future<bool>> calls;
  for (int i = 0; i < 20; ++i) {
    calls.push_back(std::async(std::launch::async, [&proxy, i] {
      grpc::ClientContext context;
      SetDeadline(context);
      v1::ProxyClassifyRequest request;
      if (i % 2 == 1) request.set_model("large");
      request.add_sequences("text");
      v1::ProxyClassifyResponse response;
      return v1::ProxyService::NewStub(ChannelTo(proxy->address()))->ProxyClassify(&context, request, &response).ok();
    }));
  }
  const auto offered = [&proxy] {
    return proxy.StatusOf("").outcomes().offered() + proxy.StatusOf("large").outcomes().offered();
  };
  const auto end = steady_clock::now() + kPatience;
  while (offered() < 20 && steady_clock::now() < end) std::this_thread::sleep_for(milliseconds(1));
  const program::SignalWaiter no_signals({});
  program::StopTime time(no_signals, kPatience);
  proxy->Stop(time);
  for (std::future<bool>& call : calls) EXPECT_TRUE(call.get());
  EXPECT_EQ(load_.most, 1);
}

}  // namespace
}  // namespace smartbatch::proxy
