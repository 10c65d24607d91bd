#include "services/classifier/engine.h"

#include <gtest/gtest.h>

namespace smartbatch::classifier {
namespace {

TEST(Engine, CallsTextWithAnyMarkerCode) {
  for (const char* const text : {"a;b", "{", "}", "def foo(): pass", "class Large:", "x = {1; 2}"}) {
    EXPECT_EQ(Classify(text).label, kCode) << text;
  }
}

TEST(Engine, CallsTextWithoutMarkersNotCode) {
  for (const char* const text : {"", "hello world", "define", "classes", "def", "class", "x = 1", "\xF0\x9F\x98\x80"}) {
    EXPECT_EQ(Classify(text).label, kNotCode) << text;
  }
}

TEST(Engine, HalvesTheDoubtWithEveryMarkerFound) {
  EXPECT_DOUBLE_EQ(Classify("hello world").confidence, 0.5);
  EXPECT_DOUBLE_EQ(Classify("a;").confidence, 0.75);
  EXPECT_DOUBLE_EQ(Classify("{a;").confidence, 0.875);
  EXPECT_DOUBLE_EQ(Classify("{a;}").confidence, 0.9375);
  EXPECT_DOUBLE_EQ(Classify("def class {;}").confidence, 1 - 1.0 / 64);
}

TEST(Engine, CountsAMarkerOnce) { EXPECT_EQ(Classify(";;;;").confidence, Classify(";").confidence); }

}  // namespace
}  // namespace smartbatch::classifier
