#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "common/utf8.h"
#include "tools/loadgen/engine/text_pieces.h"
#include "tools/loadgen/engine/text_source.h"

namespace smartbatch::loadgen {
namespace {

namespace fs = std::filesystem;

// A folder that is removed with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "loadgen-text-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  const fs::path& path() const { return path_; }
  void Write(const std::string& name, const std::string& content) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << content;
  }

 private:
  fs::path path_;
};

TEST(TextSource, CutsExactlyTheAskedNumberOfCodePoints) {
  const auto source = TextSource::FromText("größer als 10 €\n\n  naïve 日本語テキスト\nplain\n", "a test");
  ASSERT_TRUE(source.ok()) << source.status();
  Random random(7);
  for (std::uint32_t characters = 1; characters <= 300; ++characters) {
    EXPECT_EQ(CountCodePoints(source->Cut(characters, random)), characters);
  }
}

TEST(TextSource, NeverBeginsWithABlank) {
  const auto source = TextSource::FromText("\n\n   indented\n\t\ttabbed\nflush\n  \n", "a test");
  ASSERT_TRUE(source.ok());
  Random random(1);
  for (int i = 0; i < 100; ++i) {
    const std::string cut = source->Cut(3, random);
    EXPECT_TRUE(cut == "ind" || cut == "tab" || cut == "flu") << cut;
  }
}

TEST(TextSource, GivesTheSameCutsForTheSameSeed) {
  const TextSource source = TextSource::BuiltIn();
  Random first(42);
  Random second(42);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(source.Cut(40, first), source.Cut(40, second));
}

TEST(TextSource, LeavesOutWhatIsNotTextAndGeneratedFolders) {
  const TemporaryFolder folder;
  folder.Write("a.txt", "wanted words");
  folder.Write("binary.bin", std::string("a\0b", 3));
  folder.Write("latin1.txt", "caf\xE9");
  folder.Write(".hidden/b.txt", "hidden");
  folder.Write("build/c.txt", "generated");
  folder.Write("sub/d.txt", "more words");
  const auto source = TextSource::FromDirectory(folder.path());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ(source->bytes(), std::string("wanted words\nmore words\n").size());
}

TEST(TextSource, SaysIfThereIsNoText) {
  const TemporaryFolder folder;
  EXPECT_EQ(TextSource::FromDirectory(folder.path()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(TextSource::FromDirectory(folder.path() / "missing").status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(TextSource, FindsTheRepositoryAroundAFolder) {
  const TemporaryFolder folder;
  folder.Write("README.md", "hello");
  folder.Write("proto/x.proto", "syntax");
  folder.Write("deep/er/file", "x");
  EXPECT_EQ(FindRepository(folder.path() / "deep" / "er"), folder.path());
}

TEST(TextPieces, AreTheParagraphsOfAText) {
  const auto pieces = CutIntoPieces("first line\nsecond line\n\n \t\n  third\n\n\n", 100);
  ASSERT_TRUE(pieces.ok());
  EXPECT_EQ(*pieces, (std::vector<std::string>{"first line\nsecond line", "  third"}));
}

TEST(TextPieces, AreCutAtALineEndOrABlankIfTheyAreTooLong) {
  EXPECT_EQ(*CutIntoPieces("aaaa\nbbbb\ncccc", 10), (std::vector<std::string>{"aaaa\nbbbb", "cccc"}));
  EXPECT_EQ(*CutIntoPieces("one two three", 8), (std::vector<std::string>{"one two", " three"}));
  EXPECT_EQ(*CutIntoPieces("äöüßéèê", 3), (std::vector<std::string>{"äöü", "ßéè", "ê"}));
}

TEST(TextPieces, NeverExceedTheLimitAndLoseOnlyBlanks) {
  const std::string text(TextSource::BuiltIn().origin() + "\n\n\tx y  z\n" + std::string(50, ' ') + "end\nfoo\n\nbar");
  for (std::size_t limit = 1; limit < 30; ++limit) {
    const auto pieces = CutIntoPieces(text, limit);
    ASSERT_TRUE(pieces.ok());
    std::string letters;
    for (const std::string& piece : *pieces) {
      EXPECT_LE(CountCodePoints(piece).value(), limit);
      EXPECT_NE(piece.find_first_not_of(" \t\r\n"), std::string::npos);
      letters += piece;
    }
    std::string expected = text;
    for (std::string* const each : {&letters, &expected}) {
      std::erase_if(*each, [](char letter) { return letter == ' ' || letter == '\n' || letter == '\t'; });
    }
    EXPECT_EQ(letters, expected);
  }
}

TEST(TextPieces, RefuseWhatIsNotUtf8) { EXPECT_FALSE(CutIntoPieces("caf\xE9", 10).ok()); }

}  // namespace
}  // namespace smartbatch::loadgen
