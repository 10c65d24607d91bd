#include "services/proxy/config/config.h"

#include <sys/stat.h>
#include <unistd.h>

#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "services/proxy/scheduling/model/request.h"
#include "tests/proxy/config/config_reading.h"

namespace smartbatch::proxy {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Config, TheDefaultsAreValid) {
  const auto config = Read({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->settings.listen(), "127.0.0.1:50051");
  EXPECT_EQ(config->limits().max_batch_size, 5U);
  ASSERT_EQ(config->settings.backends_size(), 1);
}

TEST(Config, AFlagWinsOverTheEnvironmentTheEnvironmentOverTheFileTheFileOverTheDefault) {
  const std::string file = WriteFile("layers.textproto", R"(limits {
      max_batch_size: 7 max_sequence_length: 70 max_queued_requests: 700 })");
  const Variable environment("SMARTBATCH_MAX_SEQUENCE_LENGTH", "80");
  const Variable both("SMARTBATCH_MAX_QUEUED_REQUESTS", "800");
  const auto config = Read({"--config", file, "--max-queued-requests", "900"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits().max_batch_size, 7U);
  EXPECT_EQ(config->limits().max_sequence_length, 80U);
  EXPECT_EQ(config->limits().max_queued_requests, 900U);
  EXPECT_EQ(config->limits().max_queued_requests_per_customer,
            scheduling::SchedulerOptions().max_queued_requests_per_customer);
}

TEST(Config, TheFileMayBeNamedByTheEnvironment) {
  const std::string file = WriteFile("environment.textproto", "threads: 3");
  const Variable environment("SMARTBATCH_CONFIG", file.c_str());
  const auto config = Read({});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->settings.threads(), 3);
}

TEST(Config, ReadsEverythingThatTheFileCanSay) {
  const std::string file = WriteFile("whole.textproto", R"(
      listen: "127.0.0.1:1" admin_listen: "127.0.0.1:2" metrics_listen: "127.0.0.1:3"
      backends { address: "10.0.0.1:4" slots: 2 } backends { address: "10.0.0.2:4" }
      strategy { name: "fcfs" parameters { key: "linger_ms" value: "20" } }
      limits { max_batch_size: 8 max_sequence_length: 9 max_queued_requests: 10 max_queued_requests_per_customer: 11
               max_queued_bytes: 12 max_queued_bytes_per_customer: 14 max_queued_cost_seconds: 15.5
               max_queued_cost_seconds_per_customer: 16.5 }
      failures { batch_timeout_seconds: 0.5 batch_timeout_factor: 4 max_attempts: 2 pause_minimum_seconds: 0.25
                 pause_maximum_seconds: 0.75 unavailable_after_seconds: 3 retry_budget: 0.1 max_consecutive_errors: 7
                 slow_factor: 2.5 }
      cost { fixed: 0.1 quadratic: 0.2 per_sequence: 0.3 per_character: 0.4 per_character_squared: 0.5 knee: 3 }
      customers { name: "gold" weight: 4 tier: 1 latency_objective_ms: 250 max_queued_requests: 13
                  max_queued_bytes: 17 max_queued_cost_seconds: 18.5 }
      customers { name: "plain" }
      latency_objective_ms: 500 threads: 2 drain_seconds: 1.5 health_check_seconds: 0.5 lookup_seconds: 30)");
  const auto config = Read({"--config", file});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->settings.listen(), "127.0.0.1:1");
  EXPECT_EQ(config->settings.admin_listen(), "127.0.0.1:2");
  EXPECT_EQ(config->settings.metrics_listen(), "127.0.0.1:3");
  ASSERT_EQ(config->settings.backends_size(), 2);
  EXPECT_EQ(config->settings.backends(0).address(), "10.0.0.1:4");
  EXPECT_EQ(config->settings.backends(0).slots(), 2U);
  EXPECT_EQ(config->settings.backends(1).slots(), 1U);
  EXPECT_EQ(config->strategy().parameters.at("linger_ms"), "20");
  EXPECT_EQ(config->limits().max_batch_size, 8U);
  EXPECT_EQ(config->limits().max_sequence_length, 9U);
  EXPECT_EQ(config->limits().max_queued_requests, 10U);
  EXPECT_EQ(config->limits().max_queued_requests_per_customer, 11U);
  EXPECT_EQ(config->limits().max_queued_bytes, 12U);
  EXPECT_EQ(config->limits().max_queued_bytes_per_customer, 14U);
  EXPECT_EQ(config->limits().max_queued_cost, std::chrono::milliseconds(15'500));
  EXPECT_EQ(config->limits().max_queued_cost_per_customer, std::chrono::milliseconds(16'500));
  EXPECT_EQ(config->limits().retry_budget, 0.1);
  EXPECT_EQ(config->limits().backends.max_consecutive_errors, 7U);
  EXPECT_EQ(config->limits().backends.slow_factor, 2.5);
  EXPECT_EQ(config->settings.health_check_seconds(), 0.5);
  EXPECT_EQ(config->settings.lookup_seconds(), 30);
  EXPECT_EQ(config->limits().batch_timeout_minimum, std::chrono::milliseconds(500));
  EXPECT_EQ(config->limits().batch_timeout_factor, 4);
  EXPECT_EQ(config->limits().max_attempts, 2U);
  EXPECT_EQ(config->limits().backends.pause_minimum, std::chrono::milliseconds(250));
  EXPECT_EQ(config->limits().backends.pause_maximum, std::chrono::milliseconds(750));
  EXPECT_EQ(config->limits().backends.unavailable_after, std::chrono::seconds(3));
  EXPECT_EQ(config->cost(), (CostModel{0.1, 0.2, 0.3, 0.4, 0.5, 3}));
  ASSERT_EQ(config->settings.customers_size(), 2);
  EXPECT_EQ(
      PolicyOf(config->settings.customers(0)),
      (scheduling::CustomerPolicy{4, 1, 13, 17, std::chrono::milliseconds(18'500), std::chrono::milliseconds(250)}));
  EXPECT_EQ(config->settings.latency_objective_ms(), 500);
  EXPECT_EQ(PolicyOf(config->settings.customers(1)), scheduling::CustomerPolicy());
  EXPECT_EQ(config->settings.threads(), 2);
  EXPECT_EQ(config->settings.drain_seconds(), 1.5);
}

TEST(Config, TheLimitsAndTheWatchingOfBackendsAreFlagsToo) {
  const auto config = Read({"--max-queued-bytes-per-customer", "1000", "--max-queued-cost-seconds", "2.5",
                            "--max-queued-cost-seconds-per-customer", "0.5", "--health-check-seconds", "0",
                            "--lookup-seconds", "0.5", "--backend", "dns:///backends:50061"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits().max_queued_bytes_per_customer, 1000U);
  EXPECT_EQ(config->limits().max_queued_cost, std::chrono::milliseconds(2500));
  EXPECT_EQ(config->limits().max_queued_cost_per_customer, std::chrono::milliseconds(500));
  EXPECT_EQ(config->settings.health_check_seconds(), 0);
  EXPECT_EQ(config->settings.lookup_seconds(), 0.5);
  EXPECT_EQ(config->settings.backends(0).address(), "dns:///backends:50061");
  for (const auto& [flag, value] :
       std::initializer_list<std::pair<const char*, const char*>>{{"--max-queued-cost-seconds", "0"},
                                                                  {"--max-queued-cost-seconds-per-customer", "-1"},
                                                                  {"--health-check-seconds", "0.001"},
                                                                  {"--lookup-seconds", "0"},
                                                                  {"--backend", "dns:///backends"}}) {
    EXPECT_THAT(MessageOf(Read({flag, value})), HasSubstr(std::string(flag) == "--backend" ? "backends" : flag + 2))
        << flag;
  }
}

TEST(Config, ACostProfileIsChangedByTermsAndAFileByFlags) {
  const std::string file = WriteFile("cost.textproto", R"(cost { profile: "gpu" per_sequence: 0.25 })");
  const auto config = Read({"--config", file, "--cost-fixed", "0.125"});
  ASSERT_TRUE(config.ok()) << config.status();
  CostModel expected = *FindCostProfile("gpu");
  expected.per_sequence = 0.25;
  expected.fixed = 0.125;
  EXPECT_EQ(config->cost(), expected);
  const auto other = Read({"--config", file, "--cost-profile", "cpu"});
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->cost(), *FindCostProfile("cpu"));
  const std::string unknown = WriteFile("unknown.textproto", R"(cost { profile: "tpu" })");
  EXPECT_THAT(MessageOf(Read({"--config", unknown})), AllOf(HasSubstr("'tpu'"), HasSubstr("seed, cpu or gpu")));
  EXPECT_THAT(MessageOf(Read({"--cost-knee", "0.5"})), AllOf(HasSubstr("cost-knee is 0.5"), HasSubstr("from 1")));
}

TEST(Config, AFileThatEndsInJsonIsJson) {
  const std::string file = WriteFile("file.json", R"({"limits": {"maxBatchSize": 6}, "customers": [{"name": "a"}]})");
  const auto config = Read({"--config", file});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->limits().max_batch_size, 6U);
  EXPECT_EQ(config->settings.customers_size(), 1);
}

TEST(Config, AnUnknownFieldIsAnErrorThatNamesFileAndPlace) {
  const std::string text = WriteFile("unknown.textproto", "threads: 1\nthread: 2");
  EXPECT_THAT(MessageOf(Read({"--config", text})),
              AllOf(HasSubstr("unknown.textproto"), HasSubstr("line 2"), HasSubstr("thread")));
  const std::string json = WriteFile("unknown.json", R"({"thread": 2})");
  EXPECT_THAT(MessageOf(Read({"--config", json})), AllOf(HasSubstr("unknown.json"), HasSubstr("thread")));
}

TEST(Config, AnErrorIsOneLineWhateverItQuotes) {
  const std::string json = WriteFile("cut.json", "{\"listen\" \"a\",\n \"threads\": 1}");
  const std::string address = WriteFile("address.textproto", R"(listen: "no\nwhere")");
  const std::string strategy = WriteFile("strategy.textproto", R"(strategy { name: "no\r\nsuch" })");
  for (const std::string& file : {json, address, strategy}) {
    const std::string message = MessageOf(Read({"--config", file}));
    EXPECT_NE(message, "");
    EXPECT_EQ(message.find_first_of("\r\n"), std::string::npos) << message;
  }
}

TEST(Config, AFileThatIsNotThereIsNamed) {
  EXPECT_THAT(MessageOf(Read({"--config", "/nowhere/proxy.textproto"})), HasSubstr("'/nowhere/proxy.textproto'"));
}

TEST(Config, AFileThatSetsNothingIsRefusedBecauseItMayBeHalfWritten) {
  const std::pair<const char*, const char*> files[] = {{"empty.textproto", ""},
                                                       {"blank.textproto", " \n\t\n"},
                                                       {"comment.textproto", "# to be written\n"},
                                                       {"empty.json", "{}"}};
  for (const auto& [name, text] : files) {
    EXPECT_THAT(MessageOf(Read({"--config", WriteFile(name, text)})),
                AllOf(HasSubstr(name), HasSubstr("sets nothing"), HasSubstr("without --config")))
        << name;
  }
  EXPECT_FALSE(Read({"--config", WriteFile("nothing.json", "")}).ok());
}

TEST(Config, WhatIsNotAFileIsRefusedAndNotWaitedFor) {
  EXPECT_THAT(MessageOf(Read({"--config", ::testing::TempDir()})), HasSubstr("it is a folder"));
  const std::string fifo = ::testing::TempDir() + "config-" + std::to_string(getpid()) + ".fifo";
  ASSERT_EQ(mkfifo(fifo.c_str(), S_IRUSR | S_IWUSR), 0);
  EXPECT_THAT(MessageOf(Read({"--config", fifo})), HasSubstr("a pipe or a device"));
  unlink(fifo.c_str());
  EXPECT_THAT(MessageOf(Read({"--config", "/proc/self/mem"})), HasSubstr("cannot be read"));
}

TEST(Config, TheStrategyMayComeFromEitherVariableAndTheFlagWins) {
  const Variable old("PROXY_STRATEGY", "sjf");
  EXPECT_EQ(Read({})->strategy().name, "sjf");
  const Variable own("SMARTBATCH_STRATEGY", "fair");
  EXPECT_EQ(Read({})->strategy().name, "fair");
  EXPECT_EQ(Read({"--strategy", "fcfs"})->strategy().name, "fcfs");
}

TEST(Config, AnotherStrategyLeavesTheParametersOfTheFileBehind) {
  const std::string file =
      WriteFile("linger.textproto", R"(strategy { name: "fcfs" parameters { key: "linger_ms" value: "20" } })");
  EXPECT_EQ(Read({"--config", file, "--strategy", "sjf"})->strategy().parameters.size(), 0U);
  EXPECT_EQ(Read({"--config", file, "--strategy", "fcfs"})->strategy().parameters.at("linger_ms"), "20");
  EXPECT_EQ(Read({"--config", file, "--strategy-parameter", "linger_ms=0"})->strategy().parameters.at("linger_ms"),
            "0");
}

TEST(Config, TakesSeveralBackendsAndTheirSlots) {
  const auto flags = Read({"--backend", "a:1", "--backend", "b:2", "--slots", "3"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  ASSERT_EQ(flags->settings.backends_size(), 2);
  EXPECT_EQ(flags->settings.backends(1).address(), "b:2");
  EXPECT_EQ(flags->settings.backends(1).slots(), 3U);
  const Variable environment("SMARTBATCH_BACKEND", "c:3,d:4");
  const auto variables = Read({});
  ASSERT_TRUE(variables.ok()) << variables.status();
  ASSERT_EQ(variables->settings.backends_size(), 2);
  EXPECT_EQ(variables->settings.backends(0).address(), "c:3");
}

TEST(Config, WhatIsWrongIsNamedWithItsValueAndTheRemedy) {
  EXPECT_THAT(MessageOf(Read({"--listen", "nowhere"})), AllOf(HasSubstr("'nowhere'"), HasSubstr("host:port")));
  EXPECT_THAT(MessageOf(Read({"--backend", "nowhere"})), AllOf(HasSubstr("'nowhere'"), HasSubstr("host:port")));
  EXPECT_THAT(MessageOf(Read({"--listen", "no\rwhere:1"})), HasSubstr("host:port"));
  EXPECT_THAT(MessageOf(Read({"--max-batch-size", "0"})), AllOf(HasSubstr("max-batch-size"), HasSubstr("1024")));
  EXPECT_THAT(MessageOf(Read({"--strategy", "best"})), AllOf(HasSubstr("'best'"), HasSubstr("fcfs")));
  EXPECT_THAT(MessageOf(Read({"--strategy-parameter", "linger"})),
              AllOf(HasSubstr("'linger'"), HasSubstr("NAME=VALUE")));
  EXPECT_THAT(MessageOf(Read({"--strategy", "fcfs", "--strategy-parameter", "linger_ms=-1"})),
              AllOf(HasSubstr("'-1'"), HasSubstr("0 to")));
  EXPECT_THAT(MessageOf(Read({"--batch-timeout-seconds", "0"})), HasSubstr("batch-timeout-seconds is 0"));
  EXPECT_THAT(MessageOf(Read({"--cost-fixed", "-1"})), AllOf(HasSubstr("cost-fixed"), HasSubstr("-1")));
  const std::string weight = WriteFile("weight.textproto", R"(customers { name: "a" weight: 0 })");
  EXPECT_THAT(MessageOf(Read({"--config", weight})),
              AllOf(HasSubstr("customers[a].weight is 0"), HasSubstr("above 0")));
  const std::string twice =
      WriteFile("twice.textproto", R"(customers { name: "a" } customers { name: "a" weight: 2 })");
  EXPECT_THAT(MessageOf(Read({"--config", twice})), AllOf(HasSubstr("a for the second time"), HasSubstr("one entry")));
  const std::string objective = WriteFile("objective.textproto", R"(customers { name: "a" latency_objective_ms: -1 })");
  EXPECT_THAT(MessageOf(Read({"--config", objective})),
              AllOf(HasSubstr("customers[a].latency_objective_ms is -1"), HasSubstr("above 0")));
  const std::string share = WriteFile("share.textproto", R"(customers { name: "a" max_queued_requests: 0 })");
  EXPECT_THAT(MessageOf(Read({"--config", share})),
              AllOf(HasSubstr("customers[a].max_queued_requests is 0"), HasSubstr("at least 1")));
  EXPECT_THAT(MessageOf(Read({"--cost-quadratic", "1e36"})),
              AllOf(HasSubstr("the cost of the largest batch"), HasSubstr("at most 1000000")));
  const std::string name = WriteFile("name.textproto", R"(customers { name: "no such\ncustomer" })");
  EXPECT_THAT(MessageOf(Read({"--config", name})), AllOf(HasSubstr(R"("no such\ncustomer")"), HasSubstr("1 to 64")));
  const std::string pause = WriteFile("pause.textproto", "failures { pause_minimum_seconds: 10000 }");
  EXPECT_THAT(MessageOf(Read({"--config", pause})), AllOf(HasSubstr("is 10000"), HasSubstr("at most 3600")));
  const std::string nan = WriteFile("nan.textproto", "failures { pause_maximum_seconds: nan }");
  EXPECT_THAT(MessageOf(Read({"--config", nan})), AllOf(HasSubstr("pause_maximum_seconds"), HasSubstr("above 0")));
  const std::string bytes = WriteFile("bytes.textproto", "limits { max_queued_bytes: 0 }");
  EXPECT_THAT(MessageOf(Read({"--config", bytes})), AllOf(HasSubstr("max_queued_bytes is 0"), HasSubstr("at least 1")));
  const std::string slots = WriteFile("slots.textproto", R"(backends { address: "a:1" slots: 0 })");
  EXPECT_THAT(MessageOf(Read({"--config", slots})), AllOf(HasSubstr("a:1"), HasSubstr("1 to 1024")));
}

TEST(Config, ARequestHasAsManyRowsAsABatchUnlessItIsToldOtherwise) {
  EXPECT_EQ(Read({})->max_request_rows(), 5U);
  EXPECT_EQ(Read({"--max-batch-size", "8"})->max_request_rows(), 8U);
  const auto more = Read({"--max-batch-size", "8", "--max-request-rows", "256"});
  EXPECT_EQ(more->max_request_rows(), 256U);
  EXPECT_EQ(more->limits().max_batch_size, 8U);
  EXPECT_EQ(Read({"--max-batch-size", "8", "--max-request-rows", "2"})->max_request_rows(), 2U);
  const std::string most = std::to_string(scheduling::kMostSequences);
  EXPECT_TRUE(Read({"--max-request-rows", most, "--max-sequence-length", "100"}).ok());
  EXPECT_THAT(MessageOf(Read({"--max-request-rows", std::to_string(scheduling::kMostSequences + 1)})),
              AllOf(HasSubstr("max-request-rows is 4097"), HasSubstr("from 1 to " + most)));
}

TEST(Config, TheLargestRequestOfOurContractFitsIntoWhatIsReceived) {
  EXPECT_THAT(MessageOf(Read({"--max-request-rows", "2000"})),
              AllOf(HasSubstr("connections.max_receive_bytes is 268435456"), HasSubstr("at least 320000000"),
                    HasSubstr("lower max-request-rows or max-sequence-length")));
  EXPECT_TRUE(Read({"--max-request-rows", "2000", "--max-sequence-length", "1000"}).ok());
  // That of the other protocol has a limit of its own.
  EXPECT_TRUE(Read({"--max-request-rows", "2000", "--backend", "oip://127.0.0.1:1/a"}).ok());
}

TEST(Config, AnAdminPortBeyondLoopbackNeedsAProtection) {
  for (const char* const open : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "somewhere:1", "127.1:1", "1.127.0.0:1"}) {
    EXPECT_THAT(MessageOf(Read({"--admin-listen", open})),
                AllOf(HasSubstr(std::string("admin-listen is ") + open), HasSubstr("--admin-client-ca"),
                      HasSubstr("--admin-token-file"), HasSubstr("127.0.0.1")));
    EXPECT_TRUE(Read({"--admin-listen", open, "--admin-token-file", "token"}).ok()) << open;
    EXPECT_TRUE(Read({"--admin-listen", open, "--admin-client-ca", "operators.pem"}).ok()) << open;
  }
  for (const char* const local : {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1"}) {
    EXPECT_TRUE(Read({"--admin-listen", local}).ok()) << local;
  }
  // TLS alone encrypts, and asks no caller who it is.
  EXPECT_FALSE(Read({"--admin-listen", "0.0.0.0:1", "--tls-cert", "a.pem", "--tls-key", "a.key"}).ok());
}

TEST(Config, TracesGoToAUrl) {
  for (const char* const wrong : {"127.0.0.1:4318", "grpc://collector:4317", "http://", "http:///v1/traces",
                                  "http://:4318/v1/traces", "http://collector/v1 traces"}) {
    EXPECT_THAT(MessageOf(Read({"--trace-endpoint", wrong})),
                AllOf(HasSubstr("trace-endpoint is "), HasSubstr(wrong), HasSubstr("http://127.0.0.1:4318/v1/traces")));
  }
  for (const char* const right : {"http://127.0.0.1:4318/v1/traces", "https://collector/v1/traces"}) {
    EXPECT_TRUE(Read({"--trace-endpoint", right}).ok()) << right;
  }
}

TEST(Config, RightsThatNeedCertificatesNeedAnAuthority) {
  const std::string bound = WriteFile("bound.textproto", R"(customers { name: "a" certificate_names: "a.test" })");
  EXPECT_THAT(MessageOf(Read({"--config", bound})),
              AllOf(HasSubstr("customers[a].certificate_names"), HasSubstr("--tls-client-ca")));
  EXPECT_TRUE(Read({"--config", bound, "--tls-client-ca", "customers.pem"}).ok());
  const std::string only = WriteFile("only.textproto", "tls { bound_customers_only: true }");
  EXPECT_THAT(MessageOf(Read({"--config", only})),
              AllOf(HasSubstr("bound_customers_only"), HasSubstr("--tls-client-ca")));
  EXPECT_THAT(MessageOf(Read({"--admin-client-names", "a"})),
              AllOf(HasSubstr("is a;"), HasSubstr("--admin-client-ca")));
  EXPECT_THAT(MessageOf(Read({"--backend-server-name", "a"})), AllOf(HasSubstr("is a;"), HasSubstr("--backend-ca")));
}

TEST(Config, ReadsTlsRightsAndLimitsOfConnectionsFromFlagsAndFile) {
  const std::string file = WriteFile("tls.textproto", R"(
      tls { certificate: "a.pem" key: "a.key" client_ca: "c.pem" admin_client_ca: "o.pem" admin_client_names: "o.test"
            backend_ca: "s.pem" backend_server_name: "s.test" bound_customers_only: true }
      admin_token_file: "token"
      customers { name: "a" certificate_names: ["a.test", "spiffe://test/a"] }
      connections { max_age_seconds: 10 max_age_grace_seconds: 2 max_idle_seconds: 3 max_concurrent_calls: 4
                    max_metadata_bytes: 5000 max_connections: 6 max_calls_in_transit: 7
                    transit_timeout_seconds: 8 max_receive_bytes: 20000000 })");
  const auto config = Read({"--config", file, "--tls-client-ca", "other.pem", "--admin-client-names", "p.test,q.test"});
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->settings.tls().certificate(), "a.pem");
  EXPECT_EQ(config->settings.tls().key(), "a.key");
  EXPECT_EQ(config->settings.tls().client_ca(), "other.pem");
  EXPECT_EQ(config->settings.tls().admin_client_ca(), "o.pem");
  EXPECT_THAT(config->settings.tls().admin_client_names(), ElementsAre("p.test", "q.test"));
  EXPECT_EQ(config->settings.tls().backend_ca(), "s.pem");
  EXPECT_EQ(config->settings.tls().backend_server_name(), "s.test");
  EXPECT_TRUE(config->settings.tls().bound_customers_only());
  EXPECT_EQ(config->settings.admin_token_file(), "token");
  EXPECT_THAT(config->settings.customers(0).certificate_names(), ElementsAre("a.test", "spiffe://test/a"));
  EXPECT_EQ(config->connections().max_age, std::chrono::seconds(10));
  EXPECT_EQ(config->connections().max_age_grace, std::chrono::seconds(2));
  EXPECT_EQ(config->connections().max_idle, std::chrono::seconds(3));
  EXPECT_EQ(config->connections().max_concurrent_calls, 4U);
  EXPECT_EQ(config->connections().max_metadata_bytes, 5000U);
  EXPECT_EQ(config->connections().max_connections, 6U);
  EXPECT_EQ(config->connections().max_calls_in_transit, 7U);
  EXPECT_EQ(config->connections().transit_timeout, std::chrono::seconds(8));
  EXPECT_EQ(config->connections().max_receive_bytes, 20'000'000U);
  EXPECT_EQ(Read({"--config", file, "--max-connection-age-seconds", "0"})->connections().max_age, Duration::zero());
}

TEST(Config, LimitsOfConnectionsHaveRanges) {
  EXPECT_THAT(MessageOf(Read({"--max-connection-age-seconds", "-1"})), HasSubstr("0 (for ever) to 2000000"));
  for (const char* const wrong :
       {"max_age_seconds: 2000001", "max_age_grace_seconds: 0", "max_idle_seconds: -1", "max_concurrent_calls: 0",
        "max_concurrent_calls: 1000001", "max_metadata_bytes: 1023", "max_metadata_bytes: 1048577",
        "max_connections: 0", "max_connections: 1000001", "max_calls_in_transit: 0", "max_calls_in_transit: 10000001",
        "transit_timeout_seconds: 0", "transit_timeout_seconds: 3601", "max_receive_bytes: 16777215",
        "max_receive_bytes: 1099511627777"}) {
    const std::string file = WriteFile("connections.textproto", std::string("connections { ") + wrong + " }");
    EXPECT_THAT(MessageOf(Read({"--config", file})), HasSubstr("it must be")) << wrong;
  }
  EXPECT_THAT(MessageOf(Read({"--max-batch-size", "1024", "--max-sequence-length", "262143"})),
              HasSubstr("max_receive_bytes is 268435456; it must be at least 2147475456"));
}

TEST(Config, ABackendOfTheOpenInferenceProtocolNamesItsModel) {
  const auto config = Read({"--backend", "oip://127.0.0.1:8001/mini/lm", "--backend", "oip://dns:///triton:8001/lm"});
  EXPECT_THAT(MessageOf(config), HasSubstr("is not host:port"));  // a host:port, and not 127.0.0.1:8001/mini
  const auto good = Read({"--backend", "oip://127.0.0.1:8001/lm", "--backend", "oip://dns:///triton:8001/lm"});
  ASSERT_TRUE(good.ok()) << good.status();
  EXPECT_EQ(good->model(), "lm");
  EXPECT_EQ(HostAndPortOf(good->settings.backends(0)), "127.0.0.1:8001");
  EXPECT_EQ(HostAndPortOf(good->settings.backends(1)), "dns:///triton:8001");
  EXPECT_EQ(Read({})->model(), "");
}

TEST(Config, BackendsOfTwoModelsOrTwoProtocolsAreRefused) {
  EXPECT_THAT(MessageOf(Read({"--backend", "oip://127.0.0.1:1/a", "--backend", "oip://127.0.0.1:2/b"})),
              HasSubstr("oip://127.0.0.1:2/b"));
  EXPECT_THAT(MessageOf(Read({"--backend", "oip://127.0.0.1:1/a", "--backend", "127.0.0.1:2"})),
              HasSubstr("one protocol"));
  EXPECT_THAT(MessageOf(Read({"--backend", "oip://127.0.0.1:1"})), HasSubstr("oip://host:port/MODEL"));
}

TEST(Config, PaddingComesFromFlagsOrFromTheFile) {
  const auto flags = Read({"--pad-input", "ids", "--pad-input", "types=-1.5", "--trim-output", "hidden"});
  ASSERT_TRUE(flags.ok()) << flags.status();
  const std::string path = WriteFile("padding.textproto", R"(open_inference {
      padded_inputs { name: "ids" } padded_inputs { name: "types" value: -1.5 }
      trimmed_outputs: "hidden" max_request_bytes: 4096 })");
  const auto file = Read({"--config", path});
  ASSERT_TRUE(file.ok()) << file.status();
  for (const Config& config : {*flags, *file}) {
    const v1::OpenInferenceConfig& choice = config.settings.open_inference();
    ASSERT_EQ(choice.padded_inputs_size(), 2);
    EXPECT_EQ(choice.padded_inputs(0).name(), "ids");
    EXPECT_EQ(choice.padded_inputs(0).value(), 0);
    EXPECT_EQ(choice.padded_inputs(1).name(), "types");
    EXPECT_EQ(choice.padded_inputs(1).value(), -1.5);
    EXPECT_THAT(choice.trimmed_outputs(), ElementsAre("hidden"));
  }
  EXPECT_EQ(file->settings.open_inference().max_request_bytes(), 4096U);
}

TEST(Config, ABatchOfTheOpenInferenceProtocolFitsIntoAMessage) {
  EXPECT_TRUE(Read({"--backend", "oip://127.0.0.1:1/a", "--max-batch-size", "127"}).ok());
  EXPECT_THAT(MessageOf(Read({"--backend", "oip://127.0.0.1:1/a", "--max-batch-size", "128"})),
              HasSubstr("must be below 2147483648"));
  EXPECT_THAT(MessageOf(Read({"--backend", "oip://127.0.0.1:1/a", "--max-batch-size", "64", "--pad-input", "ids"})),
              HasSubstr("max_request_bytes"));
}

TEST(Config, WrongPaddingIsRefused) {
  EXPECT_THAT(MessageOf(Read({"--pad-input", "=1"})), HasSubstr("NAME[=VALUE]"));
  EXPECT_THAT(MessageOf(Read({"--pad-input", "ids=x"})), HasSubstr("NAME[=VALUE]"));
  EXPECT_THAT(MessageOf(Read({"--trim-output", "hidden"})), HasSubstr("padded_inputs"));
  const std::string path = WriteFile("bytes.textproto", "open_inference { max_request_bytes: 5 }");
  EXPECT_THAT(MessageOf(Read({"--config", path})), HasSubstr("1024 to 536870912"));
}

}  // namespace
}  // namespace smartbatch::proxy
