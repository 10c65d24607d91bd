#include "common/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/status/status.h"

namespace smartbatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::size_t kMostBytes = 1000;

class ReadFileTest : public ::testing::Test {
 protected:
  ReadFileTest() : folder_(::testing::TempDir() + "read-file-" + std::to_string(getpid())) {
    std::filesystem::create_directories(folder_);
  }
  ~ReadFileTest() override { std::filesystem::remove_all(folder_); }
  std::string Write(const std::string& text) const {
    std::ofstream(folder_ + "/file", std::ios::binary) << text;
    return folder_ + "/file";
  }
  std::string Fifo() const {
    const std::string path = folder_ + "/fifo";
    EXPECT_EQ(mkfifo(path.c_str(), S_IRUSR | S_IWUSR), 0);
    return path;
  }
  static std::string Refusal(const std::string& path, FileKind kind = FileKind::kRegular) {
    const auto text = ReadFile(path, kMostBytes, kind);
    EXPECT_TRUE(absl::IsInvalidArgument(text.status())) << text.status();
    const std::string message(text.status().message());
    EXPECT_THAT(message, AllOf(HasSubstr("'" + path + "'"), HasSubstr("give "), Not(HasSubstr("\n"))));
    return message;
  }

  const std::string folder_;
};

TEST_F(ReadFileTest, GivesEveryByte) {
  const std::string text("a\0b\r\n\xff", 6);
  EXPECT_EQ(*ReadFile(Write(text), kMostBytes), text);
  EXPECT_EQ(*ReadFile(Write(""), kMostBytes), "");
  EXPECT_EQ(ReadFile(Write(std::string(kMostBytes, 'x')), kMostBytes)->size(), kMostBytes);
}

TEST_F(ReadFileTest, AFileThatIsLinkedIsRead) {
  std::filesystem::create_symlink(Write("text"), folder_ + "/link");
  EXPECT_EQ(*ReadFile(folder_ + "/link", kMostBytes), "text");
}

TEST_F(ReadFileTest, WhatIsNotAFileIsRefused) {
  EXPECT_THAT(Refusal(folder_), HasSubstr("it is a folder"));
  EXPECT_THAT(Refusal(folder_ + "/none"), HasSubstr("No such file"));
  EXPECT_THAT(Refusal("/dev/null"), HasSubstr("a pipe or a device"));
}

TEST_F(ReadFileTest, AFileThatCannotBeReadIsRefused) {
  // The system opens this file and refuses to read at its beginning, even for root.
  EXPECT_THAT(Refusal("/proc/self/mem"), HasSubstr("Input/output error"));
}

TEST_F(ReadFileTest, AFileAboveTheBoundIsRefused) {
  EXPECT_THAT(Refusal(Write(std::string(kMostBytes + 1, 'x'))), HasSubstr("larger than 1000 bytes"));
  EXPECT_THAT(Refusal("/dev/zero", FileKind::kAnyStream), HasSubstr("larger than 1000 bytes"));
}

TEST_F(ReadFileTest, ANamedPipeIsRefusedAtOnceWhenOnlyAFileIsAllowed) {
  EXPECT_THAT(Refusal(Fifo()), HasSubstr("a pipe or a device"));
}

TEST_F(ReadFileTest, AStreamIsReadToItsEndWhenItIsAllowed) {
  const std::string path = Fifo();
  EXPECT_EQ(*ReadFile(path, kMostBytes, FileKind::kAnyStream), "") << "nobody writes";
  const int both_ends = open(path.c_str(), O_RDWR | O_CLOEXEC);  // so that the writer does not wait for the reader
  std::jthread writer([&] {
    std::ofstream out(path);
    out << "slow" << std::flush;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    close(both_ends);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    out << "ly";
  });
  EXPECT_EQ(*ReadFile(path, kMostBytes, FileKind::kAnyStream), "slowly");
}

}  // namespace
}  // namespace smartbatch
