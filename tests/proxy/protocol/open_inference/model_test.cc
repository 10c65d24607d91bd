// A model as its server describes it and the proxy's settings complete it.
#include "services/proxy/protocol/open_inference/model.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include <gmock/gmock.h>

namespace smartbatch::protocol::open_inference {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A model that squares each of its ids.
inference::ModelMetadataResponse SquaringModel() {
  inference::ModelMetadataResponse metadata;
  metadata.set_name("model");
  const auto fill = [](auto& tensor, const std::string& name) {
    tensor.set_name(name);
    tensor.set_datatype("INT64");
    tensor.add_shape(-1);
    tensor.add_shape(-1);
  };
  fill(*metadata.add_inputs(), "ids");
  fill(*metadata.add_outputs(), "squares");
  return metadata;
}

TEST(AModel, IsRefusedIfItsRequestsCannotBeBatched) {
  const ModelSettings settings{
      .name = "model", .padded_inputs = {{"ids", 0}}, .trimmed_outputs = {"squares"}, .max_batch_size = 32};
  inference::ModelConfig config;
  config.set_max_batch_size(8);
  const auto described = Describe(settings, SquaringModel(), config);
  ASSERT_TRUE(described.ok());
  EXPECT_EQ(described->max_batch_size, 8U);
  EXPECT_EQ(described->max_request_rows, 8U);
  EXPECT_THAT(Doubts(settings, *described), ElementsAre(HasSubstr("set max-batch-size to 8")));
  inference::ModelConfig decoupled = config;
  decoupled.mutable_model_transaction_policy()->set_decoupled(true);
  EXPECT_TRUE(absl::IsUnimplemented(Describe(settings, SquaringModel(), decoupled).status()));
  inference::ModelConfig sequences = config;
  sequences.mutable_sequence_batching();
  EXPECT_TRUE(absl::IsUnimplemented(Describe(settings, SquaringModel(), sequences).status()));
  config.set_max_batch_size(0);
  EXPECT_TRUE(absl::IsUnimplemented(Describe(settings, SquaringModel(), config).status()));
}

TEST(AModel, IsDoubtedIfItsSettingsLookIncompleteOrNameWhatItLacks) {
  const auto doubts = [](std::map<std::string, double, std::less<>> padded,
                         std::set<std::string, std::less<>> trimmed) {
    const ModelSettings settings{
        .name = "model", .padded_inputs = std::move(padded), .trimmed_outputs = std::move(trimmed)};
    const auto described = Describe(settings, SquaringModel(), std::nullopt);
    EXPECT_TRUE(described.ok());
    return Doubts(settings, *described);
  };
  EXPECT_THAT(doubts({{"ids", 0}}, {"squares"}), IsEmpty());
  EXPECT_THAT(doubts({}, {}), ElementsAre(AllOf(HasSubstr("'ids'"), HasSubstr("--pad-input"))));
  EXPECT_THAT(doubts({{"ids", 0}}, {}),
              ElementsAre(AllOf(HasSubstr("'squares'"), HasSubstr("open_inference.trimmed_outputs"))));
  EXPECT_THAT(doubts({{"ids", 0}, {"mask", 0}}, {"squares", "mean"}),
              ElementsAre(HasSubstr("no input 'mask'"), HasSubstr("no output 'mean'")));
}

TEST(AModel, TakesRequestsThatAreLargerOrSmallerThanABatchIfItIsToldTo) {
  inference::ModelConfig config;
  config.set_max_batch_size(8);
  for (const std::uint32_t rows : {3U, 100U}) {
    const ModelSettings settings{.name = "model",
                                 .padded_inputs = {{"ids", 0}},
                                 .trimmed_outputs = {"squares"},
                                 .max_batch_size = 8,
                                 .max_request_rows = rows};
    const auto described = Describe(settings, SquaringModel(), config);
    ASSERT_TRUE(described.ok());
    EXPECT_EQ(described->max_batch_size, 8U);
    EXPECT_EQ(described->max_request_rows, rows);
    // Callers believe it.
    EXPECT_EQ(described->config.max_batch_size(), static_cast<std::int32_t>(rows));
    EXPECT_TRUE(Doubts(settings, *described).empty());
  }
}

TEST(AModel, IsUnavailableUntilItIsDescribed) {
  const auto model = std::make_shared<Model>(ModelSettings{.name = "model"});
  const Models models({model, std::make_shared<Model>(ModelSettings{.name = "other"})});
  EXPECT_TRUE(absl::IsUnavailable(models.Find("model", "").status()));
  EXPECT_TRUE(absl::IsNotFound(models.Find("nope", "").status()));
  EXPECT_TRUE(absl::IsNotFound(models.Find("", "").status()));
  model->Set(std::make_shared<const ModelDescription>());
  EXPECT_EQ(*models.Find("model", ""), model);
  EXPECT_TRUE(absl::IsUnavailable(models.Find("other", "").status()));
}

TEST(AModel, WhosePaddedOutputsAreNotTrimmedIsDoubtedEvenIfItsServerDescribesNone) {
  inference::ModelMetadataResponse without;
  without.set_name("model");
  ModelSettings settings{.name = "model", .padded_inputs = {{"ids", 0}}};
  for (const auto& metadata : {SquaringModel(), without}) {
    settings.trimmed_outputs = {};
    EXPECT_THAT(Doubts(settings, *Describe(settings, metadata, std::nullopt)),
                ElementsAre(HasSubstr("trimmed_outputs")));
    settings.trimmed_outputs = {"squares"};
    EXPECT_THAT(Doubts(settings, *Describe(settings, metadata, std::nullopt)), IsEmpty());
  }
  settings.padded_inputs = {};
  settings.trimmed_outputs = {};
  EXPECT_THAT(Doubts(settings, *Describe(settings, without, std::nullopt)), IsEmpty());
}

}  // namespace
}  // namespace smartbatch::protocol::open_inference
