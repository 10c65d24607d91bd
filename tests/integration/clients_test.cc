// Clients that others wrote: grpcurl through reflection, h2load as bare HTTP/2, promtool on the metrics.
#include <unistd.h>

#include <fstream>
#include <regex>
#include <string>

#include <gmock/gmock.h>

#include "tests/integration/stack.h"

namespace smartbatch::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// Runs a command; returns what it wrote to both its outputs.
Finished Shell(const std::string& command) { return RunToEnd("/bin/sh", {"-c", command + " 2>&1"}); }

bool IsInstalled(const std::string& program) { return Shell("command -v " + program).exit_code == 0; }

class Clients : public ::testing::Test {
 protected:
  ClassifierProcess classifier_;
  ProxyProcess proxy_{classifier_.address(), {"--strategy", "sjf"}};
};

class Grpcurl : public Clients {
 protected:
  void SetUp() override {
    if (!IsInstalled("grpcurl")) GTEST_SKIP() << "grpcurl is not installed";
  }
};

TEST_F(Grpcurl, Classifies) {
  const Finished ended = Shell(R"(grpcurl -plaintext -H 'x-customer-id: A' -d '{"sequences":["def foo(): pass"]}' )" +
                               proxy_.address() + " smartbatch.proxy.v1.ProxyService/ProxyClassify");
  EXPECT_EQ(ended.exit_code, 0) << ended.standard_output;
  EXPECT_THAT(ended.standard_output,
              AllOf(HasSubstr(R"("label": "code")"), HasSubstr("proxy_latency_ms"), HasSubstr("service_ms")));
}

TEST_F(Grpcurl, SetsTheStrategy) {
  const Finished ended = Shell(R"(grpcurl -plaintext -d '{"strategy":"fcfs","parameters":{"linger_ms":"20"}}' )" +
                               proxy_.admin_address() + " smartbatch.proxy.v1.AdminService/SetStrategy");
  EXPECT_EQ(ended.exit_code, 0) << ended.standard_output;
  EXPECT_THAT(ended.standard_output, AllOf(HasSubstr(R"("name": "fcfs")"), HasSubstr(R"("linger_ms": "20")")));
}

TEST_F(Grpcurl, ReadsTheDetailsOfAnError) {
  const Finished ended = Shell(R"(grpcurl -plaintext -d '{"strategy":"best"}' )" + proxy_.admin_address() +
                               " smartbatch.proxy.v1.AdminService/SetStrategy");
  EXPECT_NE(ended.exit_code, 0);
  EXPECT_THAT(ended.standard_output, AllOf(HasSubstr("InvalidArgument"), HasSubstr("BadRequest"), HasSubstr("sjf")));
}

TEST_F(Grpcurl, ChecksTheHealthOfBothPorts) {
  for (const std::string& address : {proxy_.address(), proxy_.admin_address()}) {
    const Finished ended = Shell("grpcurl -plaintext " + address + " grpc.health.v1.Health/Check");
    EXPECT_EQ(ended.exit_code, 0) << ended.standard_output;
    EXPECT_THAT(ended.standard_output, HasSubstr("SERVING"));
  }
}

TEST_F(Grpcurl, ListsWhatIsServed) {
  EXPECT_THAT(Shell("grpcurl -plaintext " + proxy_.address() + " list").standard_output,
              AllOf(HasSubstr("smartbatch.proxy.v1.ProxyService"), HasSubstr("grpc.health.v1.Health")));
  EXPECT_THAT(Shell("grpcurl -plaintext " + proxy_.admin_address() + " list").standard_output,
              AllOf(HasSubstr("smartbatch.proxy.v1.AdminService"), HasSubstr("grpc.health.v1.Health")));
}

TEST_F(Clients, H2loadIsServedAsManyTimesAsItAsks) {
  if (!IsInstalled("h2load")) GTEST_SKIP() << "h2load is not installed";
  // A gRPC message: not compressed, its length, and a request with the one sequence `x;`.
  const std::string body("\0\0\0\0\x04\x0A\x02x;", 9);
  const std::string file = ::testing::TempDir() + "h2load-" + std::to_string(getpid()) + ".bin";
  std::ofstream(file, std::ios::binary) << body;
  const Finished ended =
      Shell("h2load -n 2000 -c 4 -m 16 -d " + file +
            " -H 'content-type: application/grpc' -H 'te: trailers' -H 'x-customer-id: h2load' http://" +
            proxy_.address() + "/smartbatch.proxy.v1.ProxyService/ProxyClassify");
  unlink(file.c_str());
  EXPECT_THAT(ended.standard_output, HasSubstr("2000 succeeded"));
  const Scrape metrics = proxy_.Metrics();
  EXPECT_EQ(metrics.Value(R"(smartbatch_requests_total{code="OK",customer="h2load",strategy="sjf"})"), 2000);
  EXPECT_EQ(metrics.Sum("grpc_server_handled_total", R"(grpc_code="OK")"), 2000);
}

TEST_F(Clients, PromtoolFindsNoFaultWithTheMetrics) {
  if (!IsInstalled("promtool")) GTEST_SKIP() << "promtool is not installed";
  ASSERT_TRUE(proxy_.Classify({"x"}).status.ok());
  const Finished ended =
      Shell("curl --silent http://" + proxy_.metrics_address() + "/metrics | promtool check metrics");
  EXPECT_EQ(ended.exit_code, 0);
  EXPECT_EQ(ended.standard_output, "");
}

}  // namespace
}  // namespace smartbatch::testing
