#include "services/classifier/engines/examples.h"

#include <cmath>
#include <string>
#include <vector>

#include <gmock/gmock.h>

namespace smartbatch::classifier {
namespace {

using ::testing::HasSubstr;

TEST(Examples, AreReadFromLines) {
  const auto examples =
      ParseExamples("{\"label\": \"a\", \"text\": \"one\\ntwo\"}\n{\"label\":\"b\",\"text\":\"x\"}\n");
  ASSERT_TRUE(examples.ok()) << examples.status();
  ASSERT_EQ(examples->size(), 2U);
  EXPECT_EQ((*examples)[0].label, "a");
  EXPECT_EQ((*examples)[0].text, "one\ntwo");
  EXPECT_EQ((*examples)[1].text, "x");
}

TEST(Examples, ALineThatIsNoneIsNamed) {
  const std::string good = "{\"label\":\"b\",\"text\":\"x\"}\n";
  for (const char* const line : {"", "[1]", "{\"label\": \"a\"}", "{\"label\": 1, \"text\": \"x\"}",
                                 "{\"label\": \"a\", \"text\": \"\"}", "{"}) {
    const auto examples = ParseExamples(good + line + "\n" + good);
    EXPECT_EQ(examples.status().code(), absl::StatusCode::kInvalidArgument) << line;
    EXPECT_THAT(std::string(examples.status().message()), HasSubstr("line 2")) << line;
  }
  EXPECT_FALSE(ParseExamples("").ok());
}

// Three examples at the ends of two axes.
ExampleVote Axes() { return ExampleVote({{"east", 1, {1, 0}}, {"north", 1, {0, 1}}, {"east", 1, {1, 0}}}); }

TEST(TheVote, GivesTheLabelOfTheExamplesThatAreNear) {
  EXPECT_EQ(Axes().Vote({1, 0}).label, "east");
  EXPECT_EQ(Axes().Vote({0, 1}).label, "north");
  EXPECT_EQ(Axes().Vote({-1, 0}).label, "north");  // neither is near, and north is not opposite
}

TEST(TheVote, IsAsConfidentAsItsShareOfTheWeight) {
  // At 45 degrees all three weigh the same: two thirds are for the east.
  const float root = std::sqrt(0.5F);
  EXPECT_NEAR(Axes().Vote({root, root}).confidence, 2.0 / 3, 1e-9);
  EXPECT_NEAR(Axes().Vote({0, 1}).confidence, std::exp(20.0) / (std::exp(20.0) + 2), 1e-12);
}

TEST(TheVote, ReturnsTheEmbeddingItself) {
  EXPECT_EQ(Axes().Vote({0.6F, 0.8F}).embedding, (std::vector<float>{0.6F, 0.8F}));
}

}  // namespace
}  // namespace smartbatch::classifier
