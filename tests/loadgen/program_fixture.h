// Runs the program as people call it, in a folder of its own.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tools/loadgen/output/child_process.h"

namespace smartbatch::loadgen {

// An address where nothing listens.
inline constexpr char kNobody[] = "127.0.0.1:1";

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest();
  ~ProgramTest() override;

  // Runs a program in the folder to its end; standard output and error come together.
  ProcessOutcome RunHere(const std::vector<std::string>& arguments) const;
  ProcessOutcome Loadgen(std::vector<std::string> arguments) const;

  // The names of the files in the folder `results` that end in `end`.
  std::vector<std::string> FilesEndingIn(const std::string& end) const;
  // The path of the only file that ends in `end`.
  std::filesystem::path OnlyFile(const std::string& end) const;
  nlohmann::json Summary() const;
  // Writes and reads files of the folder.
  void Write(const std::string& name, const std::string& text) const;
  std::string Read(const std::string& name) const;

  std::filesystem::path folder_;
};

std::size_t Lines(const std::string& text);

}  // namespace smartbatch::loadgen
