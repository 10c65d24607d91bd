#include "tests/support/process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace smartbatch::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

std::string PathOf(const std::string& program) {
  return program.find('/') == std::string::npos ? std::string(SMARTBATCH_BIN_DIR) + "/" + program : program;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& additions) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    if (additions.count(std::string(text.substr(0, text.find('=')))) == 0) variables.emplace_back(text);
  }
  for (const auto& [name, value] : additions) variables.push_back(name + "=" + value);
  return variables;
}

// In the child, between fork and exec: calls only functions that are safe there, since the test has threads.
[[noreturn]] void BecomeProgram(const char* path, char* const* arguments, char* const* environment, int output,
                                pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(127);  // the test died before prctl was called
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  dup2(output, STDOUT_FILENO);
  execve(path, arguments, environment);
  _exit(127);
}

int RemainingMilliseconds(steady_clock::time_point deadline) {
  const auto remaining = std::chrono::ceil<milliseconds>(deadline - steady_clock::now()).count();
  return static_cast<int>(std::clamp<long>(remaining, 0, 3'600'000));
}

}  // namespace

Process::Process(const std::string& program, const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& environment) {
  const std::string path = PathOf(program);
  if (access(path.c_str(), X_OK) != 0) throw std::system_error(errno, std::generic_category(), path);
  std::vector<std::string> argument_texts = {path};
  argument_texts.insert(argument_texts.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment_texts = Environment(environment);
  const auto argument_pointers = Pointers(argument_texts);
  const auto environment_pointers = Pointers(environment_texts);
  std::array<int, 2> pipe_ends{};
  if (pipe2(pipe_ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe2");
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ == 0) {
    BecomeProgram(path.c_str(), argument_pointers.data(), environment_pointers.data(), pipe_ends[1], parent);
  }
  const int fork_error = errno;
  close(pipe_ends[1]);
  output_descriptor_ = pipe_ends[0];
  if (pid_ < 0) {
    close(output_descriptor_);
    throw std::system_error(fork_error, std::generic_category(), "fork");
  }
}

Process::~Process() { KillAndReap(); }

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  KillAndReap();
  pid_ = std::exchange(other.pid_, -1);
  output_descriptor_ = std::exchange(other.output_descriptor_, -1);
  output_ = std::move(other.output_);
  exit_code_ = other.exit_code_;
  return *this;
}

void Process::KillAndReap() {
  if (pid_ > 0 && !exit_code_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (output_descriptor_ >= 0) close(output_descriptor_);
  pid_ = -1;
  output_descriptor_ = -1;
}

bool Process::ReadSome(Deadline deadline) {
  pollfd readable{output_descriptor_, POLLIN, 0};
  int ready = 0;
  do {
    ready = poll(&readable, 1, RemainingMilliseconds(deadline));
  } while (ready < 0 && errno == EINTR);
  if (ready <= 0) return false;
  std::array<char, 4096> buffer{};
  const ssize_t count = read(output_descriptor_, buffer.data(), buffer.size());
  if (count <= 0) return false;
  output_.append(buffer.data(), static_cast<std::size_t>(count));
  return true;
}

std::optional<std::string> Process::ReadLine(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  std::size_t end = output_.find('\n');
  while (end == std::string::npos) {
    if (!ReadSome(deadline)) return std::nullopt;
    end = output_.find('\n');
  }
  std::string line = output_.substr(0, end);
  output_.erase(0, end + 1);
  return line;
}

std::string Process::ReadAll(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (ReadSome(deadline)) {
  }
  return std::exchange(output_, {});
}

std::optional<std::map<std::string, std::string>> Process::WaitUntilReady(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (const auto line = ReadLine(milliseconds(RemainingMilliseconds(deadline)))) {
    std::istringstream words(*line);
    std::string program;
    std::string ready;
    if (!(words >> program >> ready) || ready != "ready") continue;
    std::map<std::string, std::string> pairs;
    for (std::string word; words >> word;) {
      const auto equals = word.find('=');
      if (equals != std::string::npos) pairs[word.substr(0, equals)] = word.substr(equals + 1);
    }
    return pairs;
  }
  return std::nullopt;
}

void Process::Signal(int signal) {
  if (pid_ > 0 && !exit_code_) kill(pid_, signal);
}

std::optional<int> Process::Wait(milliseconds timeout) {
  const auto deadline = steady_clock::now() + timeout;
  while (!exit_code_) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    if (ended == pid_) {
      exit_code_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    } else if (ended < 0 || steady_clock::now() >= deadline) {
      return std::nullopt;
    } else {
      std::this_thread::sleep_for(milliseconds(2));
    }
  }
  return exit_code_;
}

Finished RunToEnd(const std::string& program, const std::vector<std::string>& arguments, milliseconds timeout) {
  Process process(program, arguments);
  const auto deadline = steady_clock::now() + timeout;
  Finished finished;
  finished.standard_output = process.ReadAll(timeout);
  finished.exit_code = process.Wait(milliseconds(RemainingMilliseconds(deadline)));
  return finished;
}

}  // namespace smartbatch::testing
