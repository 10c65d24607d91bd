#include "common/program/output.h"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <future>
#include <memory>
#include <thread>
#include <utility>

#include <poll.h>
#include <unistd.h>

namespace smartbatch::program {
namespace {

constexpr std::chrono::seconds kPatience{1};

}  // namespace

void IgnoreBrokenPipes() { static_cast<void>(std::signal(SIGPIPE, SIG_IGN)); }

bool WriteAll(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {  // another program made the shared file non-blocking
      pollfd writable{descriptor, POLLOUT, 0};
      poll(&writable, 1, -1);
    } else if (errno != EINTR) {
      return false;
    }
  }
  return true;
}

void WritePatiently(int descriptor, std::string text) {
  const auto written = std::make_shared<std::promise<void>>();
  auto done = written->get_future();
  std::thread([descriptor, text = std::move(text), written] {
    WriteAll(descriptor, text);
    written->set_value();
  }).detach();
  done.wait_for(kPatience);
}

}  // namespace smartbatch::program
