// Real programs as children of a test.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

namespace smartbatch::testing {

// A running program. It is killed if the object is destroyed before it ends, and by the kernel if the test dies. Its
// standard error goes to the test's own. Movable; not thread safe.
class Process {
 public:
  // Call it from a thread that outlives the object: the kernel kills the program with the thread that started it.
  // Starts SMARTBATCH_BIN_DIR/`program` (or `program` itself if it holds a slash). Environment variables are added
  // to the test's own. Throws std::system_error if it cannot be started.
  explicit Process(const std::string& program, const std::vector<std::string>& arguments = {},
                   const std::map<std::string, std::string>& environment = {});
  ~Process();
  Process(Process&& other) noexcept { *this = std::move(other); }
  Process& operator=(Process&& other) noexcept;

  // Reads standard output up to the next line of the form `<program> ready key=value ...` and returns its pairs;
  // nothing if there is none within the timeout or the output ends before.
  std::optional<std::map<std::string, std::string>> WaitUntilReady(
      std::chrono::milliseconds timeout = std::chrono::seconds(20));
  // The next line of standard output without its end, under the same conditions.
  std::optional<std::string> ReadLine(std::chrono::milliseconds timeout);
  // The rest of standard output, until the program closes it or the timeout passes.
  std::string ReadAll(std::chrono::milliseconds timeout);

  pid_t pid() const { return pid_; }
  // Sends the signal, unless the program has been waited for.
  void Signal(int signal);
  // The exit code, or 128 + the number of the signal that ended it; nothing if it still runs after the timeout.
  std::optional<int> Wait(std::chrono::milliseconds timeout = std::chrono::seconds(20));

 private:
  using Deadline = std::chrono::steady_clock::time_point;

  // Appends what can be read to output_; returns false at the end of the output or at the deadline.
  bool ReadSome(Deadline deadline);
  void KillAndReap();

  pid_t pid_ = -1;  // -1: moved from
  int output_descriptor_ = -1;
  std::string output_;  // read and not yet handed out
  std::optional<int> exit_code_;
};

// The output and the exit code of a program that ends by itself.
struct Finished {
  std::optional<int> exit_code;  // nothing: it was killed at the timeout
  std::string standard_output;
};
Finished RunToEnd(const std::string& program, const std::vector<std::string>& arguments,
                  std::chrono::milliseconds timeout = std::chrono::seconds(20));

}  // namespace smartbatch::testing
