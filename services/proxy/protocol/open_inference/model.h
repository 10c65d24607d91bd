// The models that the proxy serves by the Open Inference Protocol, and what their servers tell of them.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include "common/mutex.h"
#include "common/word_pieces.h"
#include "inference/open_inference.pb.h"

namespace smartbatch::protocol::open_inference {

// The configuration of the model.
struct ModelSettings {
  std::string name;
  // Inputs whose second dimension may differ from request to request, and the value with which rows are padded to the
  // longest row of their batch.
  std::map<std::string, double, std::less<>> padded_inputs = {};
  // Outputs whose second dimension is that of the padded inputs. They are cut back to each row's own length.
  std::set<std::string, std::less<>> trimmed_outputs = {};
  // The most rows in a batch; at least 1.
  std::uint32_t max_batch_size = 5;
  // The most rows in a request; 0 for as many as the model accepts in a batch.
  std::uint32_t max_request_rows = 0;
  // Texts count in tokens by this; if it is null, in characters.
  std::shared_ptr<const WordPieces> vocabulary = nullptr;
  // The longest row, at least 1; of texts in characters.
  std::uint32_t max_length = 20'000;
  // The largest message of a customer, in bytes.
  std::uint64_t max_request_bytes = std::uint64_t{16} * 1024 * 1024;
};

// A tensor as the server describes it.
struct TensorDescription {
  std::string datatype;
  std::vector<std::int64_t> shape;  // with the dimension of the rows; -1 for any size
  bool optional = false;
};

// The server's description of the model. If the server does not describe the tensors, `inputs` and `outputs` are empty,
// and tensors are not checked against them.
struct ModelDescription {
  inference::ModelMetadataResponse metadata;
  // Made up if the server has no ModelConfig. Its max_batch_size is max_request_rows: to callers it is the limit on the
  // rows of a request.
  inference::ModelConfig config;
  std::map<std::string, TensorDescription, std::less<>> inputs;
  std::map<std::string, TensorDescription, std::less<>> outputs;
  std::uint32_t max_batch_size = 1;  // the smaller of the settings' and the server's limit
  std::uint32_t max_request_rows = 1;
};

// Combines a server's answers into a description; `config` is nothing if the server has no ModelConfig. UNIMPLEMENTED
// if the model cannot be batched from outside: it is decoupled, has a sequence batcher, or has no batch dimension.
absl::StatusOr<ModelDescription> Describe(const ModelSettings& settings,
                                          const inference::ModelMetadataResponse& metadata,
                                          const std::optional<inference::ModelConfig>& config);

// What is doubtful about the settings for this model, a sentence each, for the log.
std::vector<std::string> Doubts(const ModelSettings& settings, const ModelDescription& description);

// The settings of a model and its current description. Thread safe.
class Model {
 public:
  using Description = absl::StatusOr<std::shared_ptr<const ModelDescription>>;

  explicit Model(ModelSettings settings) : settings_(std::move(settings)) {}

  const ModelSettings& settings() const { return settings_; }
  // UNAVAILABLE until a server has described it.
  Description description() const;
  void Set(Description description);

  // OK, or NOT_FOUND as Triton says it, or why there is no description. An empty version is the server's choice.
  absl::Status CheckVersion(std::string_view version) const;

 private:
  const ModelSettings settings_;
  mutable Mutex mutex_;
  Description description_ SMARTBATCH_GUARDED_BY(mutex_) =
      absl::UnavailableError("no backend has described the model yet; call again soon");
};

// All of them, each with a name of its own. Thread safe.
class Models {
 public:
  explicit Models(std::vector<std::shared_ptr<const Model>> models) : models_(std::move(models)) {}

  // The model, or NOT_FOUND as Triton says it, or why there is no description, as Model::CheckVersion.
  absl::StatusOr<std::shared_ptr<const Model>> Find(std::string_view name, std::string_view version) const;
  // One that Find has found before.
  const Model& operator[](std::string_view name) const;
  const std::vector<std::shared_ptr<const Model>>& all() const { return models_; }

 private:
  const std::vector<std::shared_ptr<const Model>> models_;  // few
};

}  // namespace smartbatch::protocol::open_inference
