// The rows of the matrix for servers of the Open Inference Protocol: what one of them does wrong harms only the
// requests that make it go wrong.
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "inference/open_inference.grpc.pb.h"
#include "tests/reliability/fault_matrix.h"

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;

void Pause(milliseconds time) { std::this_thread::sleep_for(time); }

// The first of the servers does it in every batch.
std::function<void(Scene&, milliseconds)> FirstAlwaysHas(Trouble trouble) {
  return [trouble](Scene& scene, milliseconds time) {
    Pause(time / 4);
    scene.models.front()->AlwaysHave(trouble);
    Pause(time * 3 / 4);
  };
}

grpc::StatusCode SendOne(inference::GRPCInferenceService::Stub& stub, const Ids& ids) {
  grpc::ClientContext context;
  context.AddMetadata("x-customer-id", "culprit");
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  inference::ModelInferRequest request;
  request.set_model_name("m");
  auto& input = *request.add_inputs();
  input.set_name("ids");
  input.set_datatype("INT64");
  input.add_shape(static_cast<std::int64_t>(ids.size()));
  input.add_shape(1);
  request.add_raw_input_contents(reinterpret_cast<const char*>(ids.data()), ids.size() * sizeof ids[0]);
  inference::ModelInferResponse response;
  return stub.ModelInfer(&context, request, &response).error_code();
}

// Requests with a row that makes every batch that holds it go wrong, in every way that there is. Their caller must be
// told each time.
void SendBadRows(Scene& scene, milliseconds time) {
  const auto stub = inference::GRPCInferenceService::NewStub(ChannelTo(scene.proxy->address()));
  const auto end = std::chrono::steady_clock::now() + time;
  int sent = 0;
  int told = 0;
  while (std::chrono::steady_clock::now() < end) {
    for (const Trouble trouble : {kError, kTooFewRows, kOtherType, kOtherLength, kCutContents, kNoOutput}) {
      ++sent;
      if (SendOne(*stub, {1, trouble, 3}) == grpc::StatusCode::INTERNAL) ++told;
    }
  }
  if (told != sent) {
    throw std::runtime_error(std::to_string(told) + " of " + std::to_string(sent) +
                             " bad rows were told that they fail");
  }
}

}  // namespace

std::vector<Fault> ModelFaults() {
  return {
      {.name = "model-none",
       .what = "all is well with a server of the Open Inference Protocol",
       .models = 1,
       .may_fail = false},
      {.name = "model-bad-rows",
       .what = "rows with which a server fails, or answers too few rows, another type, or damaged tensors",
       .happen = SendBadRows,
       .models = 1,
       .may_fail = false},
      {.name = "one-of-three-models-fails",
       .what = "one of three servers fails every batch",
       .happen = FirstAlwaysHas(kError),
       .models = 3,
       .may_fail = false},
      {.name = "one-of-three-models-too-few-rows",
       .what = "one of three servers answers one row too few, always",
       .happen = FirstAlwaysHas(kTooFewRows),
       .models = 3,
       .may_fail = false},
      {.name = "one-of-three-models-other-type",
       .what = "one of three servers answers another datatype than its model has, always",
       .happen = FirstAlwaysHas(kOtherType),
       .models = 3,
       .may_fail = false},
      {.name = "one-of-three-models-dies",
       .what = "one of three servers dies in the middle of a batch, for good",
       .happen =
           [](Scene& scene, milliseconds time) {
             Pause(time / 3);
             scene.link.reset();  // ends its connections and its port, as the end of a process does
             Pause(time * 2 / 3);
           },
       .models = 3,
       .link = true,
       .may_fail = false},
      {.name = "model-dies-again-and-again",
       .what = "every connection to the one server is reset in the middle of batches, ten times a second",
       .happen =
           [](Scene& scene, milliseconds time) {
             for (milliseconds passed{}; passed + milliseconds(1000) <= time; passed += milliseconds(100)) {
               Pause(milliseconds(100));
               scene.link->Reset();
             }
             Pause(milliseconds(1000));
           },
       .models = 1,
       .link = true},
  };
}

}  // namespace smartbatch::testing
