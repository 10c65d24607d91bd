// The engines by their names. Those that a program is built without are tested here too.
#include "services/classifier/engines/engines.h"

#include <gmock/gmock.h>

namespace smartbatch::classifier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Engines, AreRulesAndMiniLm) { EXPECT_THAT(EngineNames(), ElementsAre("rules", "minilm")); }

TEST(Engines, RulesServeTheirModelForTextsAlone) {
  const auto engine = MakeEngine("rules", "", 1);
  ASSERT_TRUE(engine.ok()) << engine.status();
  EXPECT_EQ((*engine)->description().name, "rules");
  EXPECT_EQ((*engine)->description().vocabulary, 0U);
  EXPECT_EQ((*engine)->description().embedding_width, 0U);
}

TEST(Engines, RulesRefuseAModelThatTheyWouldNotRead) {
  const auto engine = MakeEngine("rules", "/some/folder", 1);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("--model /some/folder"));
}

TEST(Engines, OneThatTheProgramWasBuiltWithoutNamesTheRemedy) {
  const auto engine = MakeEngine("minilm", "/no/such/folder", 1);
  ASSERT_FALSE(engine.ok());
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("scripts/engine"));
#ifdef SMARTBATCH_OPENVINO
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("/no/such/folder"));
#else
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kUnimplemented);
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("--engine rules"));
#endif
}

TEST(Engines, AnUnknownNameIsRefusedWithThoseThatThereAre) {
  const auto engine = MakeEngine("oracle", "", 1);
  EXPECT_EQ(engine.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(engine.status().message()), HasSubstr("'oracle'; rules and minilm"));
}

}  // namespace
}  // namespace smartbatch::classifier
