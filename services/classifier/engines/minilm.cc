#include "services/classifier/engines/minilm.h"

#include <cstdint>
#include <exception>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <openvino/openvino.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/file.h"
#include "common/mutex.h"
#include "common/one_line.h"
#include "common/word_pieces.h"
#include "services/classifier/engines/examples.h"
#include "services/classifier/engines/padding.h"
#include "smartbatch_minilm_examples.h"

namespace smartbatch::classifier {
namespace {

constexpr char kRemedy[] = "; --model is a folder that scripts/engine has filled";
constexpr std::uint32_t kMostTokens = 512;  // the model has a position for each
constexpr std::size_t kWidth = 384;

// The model alone: rows of tokens in, their embeddings out. Thread safe.
class Network {
 public:
  // Throws what OpenVINO throws.
  Network(const std::string& file, std::size_t slots) {
    ov::Core core;
    // By default it computes in bfloat16 on processors that have it, and answers depend on the machine. And it keeps
    // what it has prepared for 5,000 shapes of a layer, 0.25 MB for each shape of a batch.
    model_ = core.compile_model(file, "CPU", ov::hint::inference_precision(ov::element::f32),
                                ov::num_streams(static_cast<std::int32_t>(slots)),
                                ov::inference_num_threads(static_cast<std::int32_t>(slots)),
                                std::pair<std::string, ov::Any>("CPU_RUNTIME_CACHE_CAPACITY", "64"));
  }

  absl::StatusOr<std::vector<std::vector<float>>> Embed(TokenRows tokens) {
    try {
      ov::InferRequest request = Take();
      const ov::Shape shape{tokens.rows(), tokens.columns};
      request.set_tensor("input_ids", ov::Tensor(ov::element::i64, shape, tokens.ids.data()));
      request.set_tensor("attention_mask", ov::Tensor(ov::element::i64, shape, tokens.mask.data()));
      request.infer();
      const ov::Tensor output = request.get_output_tensor();
      if (output.get_shape() != ov::Shape{tokens.rows(), kWidth}) {
        return absl::InternalError("the model's output has another shape than all-MiniLM-L6-v2's");
      }
      const auto* numbers = output.data<const float>();
      std::vector<std::vector<float>> embeddings;
      for (std::size_t row = 0; row < tokens.rows(); ++row, numbers += kWidth) {
        embeddings.emplace_back(numbers, numbers + kWidth);
      }
      Return(std::move(request));
      return embeddings;
    } catch (const std::exception& error) {
      return absl::InternalError(OneLine(absl::StrCat("OpenVINO: ", error.what())));
    }
  }

 private:
  // A request holds the memory of an inference; it is expensive to make, and serves one inference at a time.
  ov::InferRequest Take() {
    {
      const MutexLock lock(mutex_);
      if (!free_.empty()) {
        ov::InferRequest request = std::move(free_.back());
        free_.pop_back();
        return request;
      }
    }
    return model_.create_infer_request();
  }

  void Return(ov::InferRequest request) {
    const MutexLock lock(mutex_);
    free_.push_back(std::move(request));
  }

  ov::CompiledModel model_;
  Mutex mutex_;
  std::vector<ov::InferRequest> free_ SMARTBATCH_GUARDED_BY(mutex_);  // at most as many as batches ran at once
};

TokenRows Encode(const WordPieces& vocabulary, const std::vector<std::string>& texts) {
  std::vector<std::vector<std::int64_t>> rows;
  rows.reserve(texts.size());
  for (const std::string& text : texts) rows.push_back(vocabulary.Encode(text));
  return Padded(rows);
}

class MiniLm final : public Engine {
 public:
  MiniLm(WordPieces vocabulary, std::unique_ptr<Network> network, ExampleVote examples)
      : vocabulary_(std::move(vocabulary)),
        network_(std::move(network)),
        examples_(std::move(examples)),
        description_{"minilm", kWidth, vocabulary_.size(), kMostTokens} {}

  const EngineDescription& description() const override { return description_; }

  absl::StatusOr<std::vector<Answer>> Run(const BatchRows& rows) const override {
    const auto* const texts = std::get_if<std::vector<std::string>>(&rows);
    auto embeddings = network_->Embed(texts != nullptr ? Encode(vocabulary_, *texts) : std::get<TokenRows>(rows));
    if (!embeddings.ok()) return embeddings.status();
    std::vector<Answer> answers;
    answers.reserve(embeddings->size());
    for (auto& embedding : *embeddings) answers.push_back(examples_.Vote(std::move(embedding)));
    return answers;
  }

 private:
  const WordPieces vocabulary_;
  const std::unique_ptr<Network> network_;
  const ExampleVote examples_;
  const EngineDescription description_;
};

absl::StatusOr<WordPieces> ReadVocabulary(const std::string& file) {
  constexpr std::size_t kMostBytes = 64'000'000;
  const auto text = ReadFile(file, kMostBytes);
  if (!text.ok()) return absl::InvalidArgumentError(absl::StrCat(std::string(text.status().message()), kRemedy));
  auto vocabulary = WordPieces::FromVocabulary(*text, kMostTokens);
  const absl::Status status = vocabulary.ok() ? vocabulary->CanEncode() : vocabulary.status();
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat(file, ": ", std::string(status.message()), kRemedy));
  return vocabulary;
}

absl::StatusOr<std::unique_ptr<Network>> ReadNetwork(const std::string& file, std::size_t slots) {
  try {
    return std::make_unique<Network>(file, slots);
  } catch (const std::exception& error) {
    return absl::InvalidArgumentError(OneLine(absl::StrCat(file, ": OpenVINO: ", error.what(), kRemedy)));
  }
}

// The examples that are built in, with their embeddings. Each is embedded alone.
absl::StatusOr<ExampleVote> EmbedExamples(const WordPieces& vocabulary, Network& network) {
  const auto examples = ParseExamples(kExamplesJsonl);
  if (!examples.ok()) return examples.status();
  std::vector<Answer> embedded;
  for (const Example& example : *examples) {
    auto embedding = network.Embed(Encode(vocabulary, {example.text}));
    if (!embedding.ok()) return embedding.status();
    embedded.push_back({example.label, 1, std::move(embedding->front())});
  }
  return ExampleVote(std::move(embedded));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeMiniLm(const std::string& model, std::size_t slots) {
  if (model.empty()) return absl::InvalidArgumentError(absl::StrCat("--engine minilm needs --model", kRemedy));
  auto vocabulary = ReadVocabulary(model + "/vocab.txt");
  if (!vocabulary.ok()) return vocabulary.status();
  auto network = ReadNetwork(model + "/model.onnx", slots);
  if (!network.ok()) return network.status();
  auto examples = EmbedExamples(*vocabulary, **network);
  if (!examples.ok()) return examples.status();
  return std::make_unique<MiniLm>(*std::move(vocabulary), *std::move(network), *std::move(examples));
}

}  // namespace smartbatch::classifier
