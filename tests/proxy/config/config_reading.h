// Reading a configuration as the program does, from arguments, variables of the environment and files.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <absl/status/statusor.h>
#include <gtest/gtest.h>

#include "services/proxy/config/config.h"

namespace smartbatch::proxy {

// An environment variable for as long as it lives.
class Variable {
 public:
  Variable(const std::string& name, const std::string& value) : name_(name) { setenv(name.c_str(), value.c_str(), 1); }
  ~Variable() { unsetenv(name_.c_str()); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const std::string name_;
};

// Returns the path, which is this process's own: tests run at the same time.
inline std::string WriteFile(const std::string& name, const std::string& text) {
  std::string path = ::testing::TempDir() + std::to_string(getpid()) + "-" + name;
  std::ofstream(path) << text;
  return path;
}

inline absl::StatusOr<Config> Read(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "smartbatch-proxy");
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  return ReadConfig(static_cast<int>(pointers.size()), pointers.data());
}

inline std::string MessageOf(const absl::StatusOr<Config>& config) {
  EXPECT_FALSE(config.ok());
  return std::string(config.status().message());
}

// What the text, in protobuf's format, says over the defaults; not validated.
inline Config ConfigOf(const std::string& text) {
  Config config;
  const absl::Status parsed = ParseConfig(text, ConfigFormat::kText, config);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.message();
  return config;
}

}  // namespace smartbatch::proxy
