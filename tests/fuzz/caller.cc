// What comes with a call: metadata as `key=value`, separated by zero bytes. The same bytes are then used as the error
// of a classifier.
#include <algorithm>
#include <memory>
#include <string>

#include <grpcpp/server_context.h>
#include <grpcpp/test/server_context_test_spouse.h>

#include "common/workload/customer_fields.h"
#include "services/proxy/transport/backends/backend_answer.h"
#include "services/proxy/transport/customers/caller.h"
#include "services/proxy/transport/status_mapping.h"
#include "services/rpc/status_details.h"
#include "tests/fuzz/fuzz.h"

namespace smartbatch::fuzz {
namespace {

constexpr std::size_t kMostEntries = 50;

void RequirePassable(const std::string& value) {
  Require(value.size() <= 128, "what is passed on has up to 128 bytes", value);
  Require(std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; }),
          "what is passed on is printable", value);
}

void PlayMetadata(const std::string& text) {
  grpc::ServerContext context;
  grpc::testing::ServerContextTestSpouse spouse(&context);
  std::vector<std::string> entries = Split(text, '\0');
  entries.resize(std::min(entries.size(), kMostEntries));
  for (const std::string& entry : entries) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) continue;
    spouse.AddClientMetadata(entry.substr(0, equals), entry.substr(equals + 1));
  }
  std::string customer = "before";
  const grpc::Status status = transport::ReadCustomer(context, customer);
  if (status.ok()) {
    Require(workload::IsCustomerName(customer), "a customer has a name that may be one", customer);
  } else {
    Require(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT, "a wrong name is INVALID_ARGUMENT");
    Require(customer == "before", "a wrong name changes nothing");
    RequireOneLine(status.error_message());
    Require(rpc::Details(status).has_value(), "the details can be read");
    RequireOneLine(rpc::Describe(status));
  }
  const runtime::CallContext call = transport::ReadCallContext(context);
  RequirePassable(call.request_id);
  RequirePassable(call.trace_parent);
}

void PlayStatus(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return;
  Choices choices(data, 2);
  const auto code = static_cast<absl::StatusCode>(1 + choices.Below(16));
  const absl::Status failed(code, TextOf(data + 2, size - 2));
  const absl::Status backend = transport::FailureOf(transport::FromAbsl(failed));
  Require(backend.code() == code || backend.code() == absl::StatusCode::kInternal, "a failure keeps its code");
  Require(backend.message().size() < 1200, "a failure's text is bounded");

  runtime::Ending ending;
  ending.outcome = static_cast<scheduling::Outcome>(choices.Below(scheduling::kOutcomes));
  ending.backend_status = backend;
  const grpc::Status told = transport::StatusOf(ending);
  Require(told.ok() == (ending.outcome == scheduling::Outcome::kAnswered), "only what was answered is OK");
  if (told.ok()) return;
  if (!told.error_details().empty()) Require(rpc::Details(told).has_value(), "the details can be read");
  Require(told.error_message().size() + told.error_details().size() < 4096, "a status fits into headers");
  rpc::RetryAfter(told);
  rpc::Describe(told);
}

}  // namespace
}  // namespace smartbatch::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  smartbatch::fuzz::PlayMetadata(smartbatch::fuzz::TextOf(data, size));
  smartbatch::fuzz::PlayStatus(data, size);
  return 0;
}
