#include "services/classifier/engines/rules.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

TEST(Rules, CallsTextWithAnyMarkerCode) {
  for (const char* const text : {"a;b", "{", "}", "def foo(): pass", "class Large:", "x = {1; 2}"}) {
    EXPECT_EQ(ClassifyByRules(text).label, kCode) << text;
  }
}

TEST(Rules, CallsTextWithoutMarkersNotCode) {
  for (const char* const text : {"", "hello world", "define", "classes", "def", "class", "x = 1", "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(ClassifyByRules(text).label, kNotCode) << text;
  }
}

TEST(Rules, HalvesTheDoubtWithEveryMarkerFound) {
  EXPECT_DOUBLE_EQ(ClassifyByRules("hello world").confidence, 0.5);
  EXPECT_DOUBLE_EQ(ClassifyByRules("a;").confidence, 0.75);
  EXPECT_DOUBLE_EQ(ClassifyByRules("{a;").confidence, 0.875);
  EXPECT_DOUBLE_EQ(ClassifyByRules("{a;}").confidence, 0.9375);
  EXPECT_DOUBLE_EQ(ClassifyByRules("def class {;}").confidence, 1 - 1.0 / 64);
}

TEST(Rules, CountsAMarkerOnce) { EXPECT_EQ(ClassifyByRules(";;;;").confidence, ClassifyByRules(";").confidence); }

TEST(Rules, AnswerEveryTextOfABatchInOrderAsTheyAnswerItAlone) {
  const std::vector<std::string> texts = {"a;b", "hello world", "{;}"};
  const auto answers = RulesEngine().Run(texts);
  ASSERT_TRUE(answers.ok()) << answers.status();
  ASSERT_EQ(answers->size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ((*answers)[i].label, ClassifyByRules(texts[i]).label);
    EXPECT_EQ((*answers)[i].confidence, ClassifyByRules(texts[i]).confidence);
  }
}

}  // namespace
}  // namespace smartbatch::classifier
