#include "tests/figures/documents.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/file.h"

namespace smartbatch::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kText[] =
    "# Title\n<!-- figures: first -->\nold\n<!-- end of figures -->\nbetween\n"
    "<!-- figures: second -->\nother\n<!-- end of figures -->\n";

// What the status says; empty if it is OK.
std::string Said(const absl::Status& status) { return std::string(status.message()); }

TEST(ABlock, IsReplacedAndNothingElse) {
  EXPECT_EQ(*WithBlock(kText, "first", "new\nlines\n"),
            "# Title\n<!-- figures: first -->\nnew\nlines\n<!-- end of figures -->\nbetween\n"
            "<!-- figures: second -->\nother\n<!-- end of figures -->\n");
  EXPECT_EQ(*BlockOf(kText, "second"), "other\n");
}

TEST(ABlock, StaysWhatItIsIfTheSameIsWrittenAgain) {
  const std::string once = *WithBlock(kText, "first", "new\n");
  EXPECT_NE(once, kText);
  EXPECT_EQ(*WithBlock(once, "first", "new\n"), once);
}

TEST(ABlock, ThatIsMissingIsRefusedWithTheLinesToPutThere) {
  EXPECT_THAT(Said(WithBlock(kText, "third", "new\n").status()), HasSubstr("<!-- figures: third -->"));
  EXPECT_THAT(Said(BlockOf(kText, "fir").status()), HasSubstr("'fir'"));
}

TEST(ABlock, WithoutAnEndDoesNotTakeTheEndOfTheNextOne) {
  const std::string text = "<!-- figures: first -->\nold\n<!-- figures: second -->\nother\n<!-- end of figures -->\n";
  EXPECT_THAT(Said(WithBlock(text, "first", "new\n").status()), HasSubstr("'first'"));
  EXPECT_EQ(*BlockOf(text, "second"), "other\n");
}

TEST(BlockNames, AreThoseOfAllBlocksInTheirOrder) {
  EXPECT_THAT(BlockNames(kText), ElementsAre("first", "second"));
  EXPECT_THAT(BlockNames("no block"), ElementsAre());
}

const std::vector<Expected> kTable = {{"| a |\n|---|\n"}, {"| x | 1 |\n"}, {"| y |", " | holds |"}};

TEST(CheckBlock, LetsPassWhatIsMeasuredAndWhatMayStandBetweenTheEndsOfALine) {
  EXPECT_EQ(Said(CheckBlock("| a |\n|---|\n| x | 1 |\n| y | 0.5 | holds |\n", kTable)), "");
  EXPECT_EQ(Said(CheckBlock("| a |\n|---|\n| x | 1 |\n| y | 0.7 | holds |\n", kTable)), "");
}

TEST(CheckBlock, FindsAStaleFigureAndQuotesItsLine) {
  EXPECT_THAT(Said(CheckBlock("| a |\n|---|\n| x | 2 |\n| y | 0.5 | holds |\n", kTable)), HasSubstr("| x | 2 |"));
  EXPECT_THAT(Said(CheckBlock("| b |\n|---|\n| x | 1 |\n| y | 0.5 | holds |\n", kTable)), HasSubstr("| b |"));
}

TEST(CheckBlock, FindsAPromiseThatIsBroken) {
  EXPECT_THAT(Said(CheckBlock("| a |\n|---|\n| x | 1 |\n| y | 0.5 | DOES NOT HOLD |\n", kTable)),
              HasSubstr("DOES NOT HOLD"));
}

TEST(CheckBlock, FindsALineThatIsMissingAndOneThatNobodyMeasures) {
  EXPECT_THAT(Said(CheckBlock("| a |\n|---|\n| x | 1 |\n", kTable)), HasSubstr("| y |"));
  EXPECT_THAT(Said(CheckBlock("| a |\n|---|\n| y | 0.5 | holds |\n", kTable)), HasSubstr("| x |"));
  EXPECT_THAT(Said(CheckBlock("| a |\n|---|\n| x | 1 |\n| y | 0.5 | holds |\n| z | 3 |\n", kTable)),
              HasSubstr("nobody measures this line: | z | 3 |"));
}

// A folder of its own, in which STRATEGIES.md is `kText`.
class DocumentsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(folder_);
    std::ofstream(Path()) << kText;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string Path() const { return folder_ + "/STRATEGIES.md"; }

  const std::string folder_ =
      ::testing::TempDir() + "documents_test_" + ::testing::UnitTest::GetInstance()->current_test_info()->name();
  const Documents documents_{folder_};
};

TEST_F(DocumentsTest, HoldWhatWasWrittenAndTheSameBytesIfItIsWrittenAgain) {
  ASSERT_EQ(Said(documents_.WriteTable(Document::kStrategies, "first", "| x | 1 |\n")), "");
  const std::string once = *ReadFile(Path(), 10'000);
  ASSERT_EQ(Said(documents_.WriteTable(Document::kStrategies, "first", "| x | 1 |\n")), "");
  EXPECT_EQ(*ReadFile(Path(), 10'000), once);
  EXPECT_EQ(Said(documents_.CheckTable(Document::kStrategies, "first", {{"| x | 1 |\n"}})), "");
}

TEST_F(DocumentsTest, AreStaleIfSomethingElseIsMeasuredNow) {
  ASSERT_EQ(Said(documents_.WriteTable(Document::kStrategies, "first", "| x | 1 |\n")), "");
  const std::string said = Said(documents_.CheckTable(Document::kStrategies, "first", {{"| x | 2 |\n"}}));
  EXPECT_THAT(said, HasSubstr("STRATEGIES.md"));
  EXPECT_THAT(said, HasSubstr("'first'"));
  EXPECT_THAT(said, HasSubstr("| x | 1 |"));
  EXPECT_THAT(said, HasSubstr("--write"));
}

TEST_F(DocumentsTest, MayHoldNoBlockThatNobodyWrites) {
  EXPECT_EQ(Said(documents_.CheckNames(Document::kStrategies, {"second", "first"})), "");
  EXPECT_THAT(Said(documents_.CheckNames(Document::kStrategies, {"first"})), HasSubstr("'second'"));
}

TEST_F(DocumentsTest, RefuseAPictureThatIsDrawnFromSomethingElseThanPoints) {
  std::filesystem::create_directories(folder_ + "/images");
  std::ofstream(folder_ + "/images/latency_by_load.tsv") << "density\t0.5\t164.7\t616.4\t105.5\n";
  const auto points = documents_.LatencyByLoad();
  ASSERT_EQ(points->size(), 1U);
  EXPECT_EQ(points->front().strategy, "density");
  EXPECT_EQ(points->front().rho, 0.5);
  EXPECT_EQ(points->front().mean, 164.7);
  EXPECT_EQ(points->front().p99, 616.4);
  std::ofstream(folder_ + "/images/latency_by_load.tsv") << "density\t0.5\tfast\t616.4\t105.5\n";
  EXPECT_THAT(Said(documents_.LatencyByLoad().status()), HasSubstr("fast"));
}

}  // namespace
}  // namespace smartbatch::test
