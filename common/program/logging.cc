#include "common/program/logging.h"

#include <chrono>
#include <memory>
#include <utility>

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/spdlog.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "common/program/flags.h"
#include "common/program/log_sink.h"

namespace smartbatch::program {
namespace {

// %* in the pattern: the message as a JSON string.
class JsonMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const std::string quoted = Quoted(std::string(message.payload.data(), message.payload.size()));
    out.append(quoted.data(), quoted.data() + quoted.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<JsonMessage>(); }
};

constexpr std::size_t kMaxWaitingLines = 4096;
constexpr std::chrono::milliseconds kFlushTime{500};

// The thread that writes, and what it writes to. Never destroyed: its destructor would wait for a reader that has
// stopped reading.
struct Writer {
  std::shared_ptr<spdlog::details::thread_pool> pool =
      std::make_shared<spdlog::details::thread_pool>(kMaxWaitingLines, 1);
  std::shared_ptr<LogSink> sink =
      std::make_shared<LogSink>(STDERR_FILENO, [pool = pool.get()] { return pool->overrun_counter(); });
};

Writer*& TheWriter() {
  static Writer* writer = nullptr;  // until StartLogging is called
  return writer;
}

}  // namespace

std::string Quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void AddLogFlags(CLI::App& app, LogOptions& options) {
  AddFlag(app, "log-level", options.level, "The least severe level that is logged")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}));
  AddFlag(app, "log-format", options.format, "text, or json: one JSON object a line")
      ->check(CLI::IsMember({"text", "json"}));
}

void StartLogging(const std::string& program, const LogOptions& options) {
  TheWriter() = new Writer();  // NOLINT(cppcoreguidelines-owning-memory): see Writer
  auto logger = std::make_shared<spdlog::async_logger>(program, TheWriter()->sink, TheWriter()->pool,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  // spdlog's own error handler writes to standard error, and waits for its reader.
  logger->set_error_handler([](const std::string&) {});
  if (options.format == "json") {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<JsonMessage>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","program":"%n","level":"%l","message":%*})");
    logger->set_formatter(std::move(formatter));
  } else {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %n %^%l%$ %v");
  }
  logger->set_level(spdlog::level::from_str(options.level));
  spdlog::set_default_logger(std::move(logger));
}

std::uint64_t LostLogLines() {
  const Writer* const writer = TheWriter();
  return writer == nullptr ? 0 : writer->pool->overrun_counter() + writer->sink->unwritten();
}

void FlushLog() {
  const Writer* const writer = TheWriter();
  if (writer == nullptr) return;
  const std::uint64_t flushes = writer->sink->flushes();
  spdlog::default_logger_raw()->flush();
  writer->sink->WaitForFlush(flushes, kFlushTime);
}

}  // namespace smartbatch::program
