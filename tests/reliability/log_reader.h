// A reader of the log of a program, which may be slow.
#pragma once

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace smartbatch::testing {

// A pipe of 4 KiB that serves as the standard error of programs and is read only by ReadUntil.
class LogReader {
 public:
  LogReader() {
    if (pipe2(ends_.data(), O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    fcntl(ends_[1], F_SETPIPE_SZ, 4096);
  }
  ~LogReader() {
    Go();
    close(ends_[1]);
  }
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  // Starts a program that writes its log here.
  template <class Program, class... Arguments>
  std::unique_ptr<Program> Start(const Arguments&... arguments) {
    const int own = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    dup2(ends_[1], STDERR_FILENO);
    std::unique_ptr<Program> program;
    try {
      program = std::make_unique<Program>(arguments...);
    } catch (...) {
      dup2(own, STDERR_FILENO);
      close(own);
      throw;
    }
    dup2(own, STDERR_FILENO);
    close(own);
    return program;
  }

  void Go() {
    if (ends_[0] >= 0) close(ends_[0]);
    ends_[0] = -1;
  }

  // Reads until the text comes, or until nothing has come for five seconds.
  std::string ReadUntil(const std::string& text) {
    std::string all;
    pollfd readable{ends_[0], POLLIN, 0};
    while (all.find(text) == std::string::npos && poll(&readable, 1, kPatienceMs) == 1) {
      std::array<char, 4096> buffer{};
      const ssize_t count = read(ends_[0], buffer.data(), buffer.size());
      if (count <= 0) break;
      all.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return all;
  }

 private:
  static constexpr int kPatienceMs = 5000;

  std::array<int, 2> ends_{-1, -1};
};

}  // namespace smartbatch::testing
