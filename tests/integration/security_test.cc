// The real programs over mutual TLS, and what a caller without the rights can do.
#include <unistd.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include "services/rpc/status_details.h"
#include "tests/integration/stack.h"
#include "tests/support/certificate.h"

namespace smartbatch::testing {
namespace {

using grpc::StatusCode;

constexpr char kToken[] = "a-token-for-the-test";

// The certificates, and the files with them.
class Secured : public ::testing::Test {
 protected:
  Secured() {
    Write("customers.pem", a_.certificate + b_.certificate);
    Write("operators.pem", operator_.certificate);
    Write("token", kToken);
    WriteOwn("proxy", proxy_certificate_);
    WriteOwn("classifier", classifier_certificate_);
  }

  std::string Path(const std::string& name) const {
    return ::testing::TempDir() + "security-" + std::to_string(getpid()) + "-" + name;
  }
  std::string Write(const std::string& name, const std::string& text) const {
    std::ofstream(Path(name)) << text;
    return Path(name);
  }
  void WriteOwn(const std::string& name, const Certificate& certificate) const {
    Write(name + ".pem", certificate.certificate);
    Write(name + ".key", certificate.key);
  }

  const Certificate proxy_certificate_ = MakeCertificate("proxy.test");
  const Certificate classifier_certificate_ = MakeCertificate("classifier.test");
  const Certificate a_ = MakeCertificate("a.test");
  const Certificate b_ = MakeCertificate("b.test");
  const Certificate operator_ = MakeCertificate("operator.test");
};

// The proxy asks customers, operators and the classifier for certificates, and the classifier the proxy.
class Security : public Secured {
 protected:
  std::shared_ptr<grpc::Channel> Connect(const std::string& address, const Certificate& certificate) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("proxy.test");
    return grpc::CreateCustomChannel(
        address, grpc::SslCredentials({proxy_certificate_.certificate, certificate.key, certificate.certificate}),
        arguments);
  }
  grpc::Status Classify(const Certificate& certificate, const std::map<std::string, std::string>& metadata) const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    for (const auto& [key, value] : metadata) context.AddMetadata(key, value);
    proxy::v1::ProxyClassifyRequest request;
    request.add_sequences("x");
    proxy::v1::ProxyClassifyResponse response;
    return proxy::v1::ProxyService::NewStub(Connect(proxy_.address(), certificate))
        ->ProxyClassify(&context, request, &response);
  }
  proxy::v1::GetStatusResponse Status() const {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(20));
    context.AddMetadata("authorization", std::string("Bearer ") + kToken);
    proxy::v1::GetStatusResponse response;
    const grpc::Status status = proxy::v1::AdminService::NewStub(Connect(proxy_.admin_address(), operator_))
                                    ->GetStatus(&context, {}, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  ClassifierProcess classifier_{{"--tls-cert", Path("classifier.pem"), "--tls-key", Path("classifier.key"),
                                 "--tls-client-ca", Path("proxy.pem")}};
  ProxyProcess proxy_{
      classifier_.address(),
      {"--tls-cert", Path("proxy.pem"), "--tls-key", Path("proxy.key"), "--tls-client-ca", Path("customers.pem"),
       "--admin-client-ca", Path("operators.pem"), "--admin-token-file", Path("token"), "--backend-ca",
       Path("classifier.pem"), "--backend-server-name", "classifier.test", "--config",
       Write("proxy.textproto", R"(customers { name: "A" weight: 9 certificate_names: "a.test" }
                                                   connections { max_metadata_bytes: 4096 })")}};
};

TEST_F(Security, AForgedNameSpendsNothingOfAnothersShare) {
  ASSERT_TRUE(Classify(a_, {{"x-customer-id", "A"}}).ok());
  ASSERT_TRUE(Classify(b_, {{"x-customer-id", "B"}}).ok());
  const auto charged_to_a = [this] {
    double charged = -1;
    const auto status = Status();
    for (const auto& customer : status.customers()) {
      if (customer.customer() == "A") charged = customer.charged_seconds();
    }
    return charged;
  };
  const double before = charged_to_a();
  EXPECT_GT(before, 0);
  for (const char* const header : {"x-customer-id", "x-gateway-inference-fairness-id"}) {
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(Classify(b_, {{header, "A"}}).error_code(), StatusCode::PERMISSION_DENIED);
    }
  }
  EXPECT_EQ(charged_to_a(), before);
  EXPECT_EQ(Status().outcomes().offered(), 2U) << "what was denied was never offered to the scheduler";
  EXPECT_EQ(proxy_.Metrics().Sum("grpc_server_handled_total", R"(grpc_code="PermissionDenied")"), 20);
  // The control: a call with the customer's own certificate does use up its share.
  ASSERT_TRUE(Classify(a_, {{"x-customer-id", "A"}}).ok());
  EXPECT_GT(charged_to_a(), before);
}

TEST_F(Security, HeadersBeyondTheConfiguredSizeAreRefused) {
  EXPECT_TRUE(Classify(b_, {{"x-filler", std::string(3000, 'x')}}).ok());
  EXPECT_EQ(Classify(b_, {{"x-filler", std::string(5000, 'x')}}).error_code(), StatusCode::RESOURCE_EXHAUSTED);
}

// What a proxy without TLS towards its callers answers in front of the classifier, which speaks TLS, with these extra
// flags.
grpc::Status AskThrough(const ClassifierProcess& classifier, const Flags& flags) {
  ProxyProcess proxy(classifier.address(), flags);
  return proxy.Classify({"x"}).status;
}

TEST_F(Security, CertificatesThatAreEmptyOrWrongEndNeitherProgramAndAreReplacedWhenTheyAreRight) {
  const auto value = [this](const std::string& name) {
    return proxy_.Metrics().Value(name + "{file=\"" + Path("proxy.pem") + "\"}").value_or(-1);
  };
  const auto until = [](const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!holds() && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return holds();
  };
  const double expires = value("smartbatch_certificate_expiry_timestamp_seconds");
  EXPECT_NEAR(expires, static_cast<double>(std::time(nullptr)) + 3600, 120);
  EXPECT_EQ(value("smartbatch_certificate_last_reload_successful"), 1);
  for (const char* const name : {"proxy.pem", "proxy.key", "classifier.pem", "classifier.key", "customers.pem"}) {
    Write(name, "");
  }
  EXPECT_TRUE(until([&] { return value("smartbatch_certificate_last_reload_successful") == 0; }));
  // gRPC would look at the files at least twice in this time.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (std::chrono::steady_clock::now() < end) {
    const grpc::Status status = Classify(a_, {{"x-customer-id", "A"}});
    ASSERT_TRUE(status.ok()) << status.error_message();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  // Now the authorities are right, and half of the pair.
  Write("customers.pem", a_.certificate);
  WriteOwn("classifier", classifier_certificate_);
  const Certificate next = MakeCertificate("proxy.test", "DNS:proxy.test", 7200);
  Write("proxy.key", next.key);
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(Classify(a_, {{"x-customer-id", "A"}}).ok());
  Write("proxy.pem", next.certificate);
  EXPECT_TRUE(until([&] { return value("smartbatch_certificate_expiry_timestamp_seconds") > expires + 3000; }));
  EXPECT_EQ(value("smartbatch_certificate_last_reload_successful"), 1);
  const auto with_next = [&] {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetSslTargetNameOverride("proxy.test");
    const auto channel = grpc::CreateCustomChannel(
        proxy_.address(), grpc::SslCredentials({next.certificate, a_.key, a_.certificate}), arguments);
    return channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(2));
  };
  EXPECT_TRUE(until(with_next));
}

TEST_F(Security, AProxyThatDoesNotKnowTheClassifierSendsItNothing) {
  const ClassifierProcess classifier({"--tls-cert", Path("classifier.pem"), "--tls-key", Path("classifier.key")});
  const Flags right = {"--backend-ca", Path("classifier.pem"), "--backend-server-name", "classifier.test"};
  EXPECT_TRUE(AskThrough(classifier, right).ok());
  const Flags wrong_authority = {"--backend-ca", Path("proxy.pem"), "--backend-server-name", "classifier.test"};
  const Flags wrong_name = {"--backend-ca", Path("classifier.pem"), "--backend-server-name", "other.test"};
  for (const Flags& flags : {wrong_authority, wrong_name, Flags{}}) {
    const grpc::Status status = AskThrough(classifier, flags);
    EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
    EXPECT_TRUE(rpc::Details(status)) << "the proxy itself answers: " << status.error_message();
  }
}

TEST_F(Security, AProxyWithoutACertificateGetsNoAnswerFromTheClassifier) {
  // This classifier asks for the proxy's certificate, and this proxy has none.
  const grpc::Status status =
      AskThrough(classifier_, {"--backend-ca", Path("classifier.pem"), "--backend-server-name", "classifier.test"});
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_TRUE(rpc::Details(status)) << "the proxy itself answers: " << status.error_message();
}

}  // namespace
}  // namespace smartbatch::testing
