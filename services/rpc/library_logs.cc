#include "services/rpc/library_logs.h"

#include <string>
#include <string_view>

#include <google/protobuf/stubs/logging.h>
#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include "common/program/limited_log.h"

namespace smartbatch::rpc {
namespace {

void LogOfGrpc(gpr_log_func_args* line) {
  // Both files log an address that cannot be bound.
  const std::string_view file = line->file;
  const bool reported_elsewhere = file.find("chttp2_server") != std::string_view::npos ||
                                  file.find("completion_queue_cc") != std::string_view::npos;
  // Anybody who can reach a port can make these two files log, as often as they like.
  const bool of_a_stranger = file.find("ssl_transport_security") != std::string_view::npos ||
                             file.find("security_handshaker") != std::string_view::npos;
  const bool is_error = line->severity == GPR_LOG_SEVERITY_ERROR;
  const auto level = is_error && !reported_elsewhere && !of_a_stranger ? spdlog::level::warn : spdlog::level::debug;
  static program::LogLimit limit;
  program::LogLimited(limit, level, "gRPC: {}", line->message);
}

void LogOfProtobuf(google::protobuf::LogLevel, const char*, int, const std::string& message) {
  spdlog::debug("protobuf: {}", message);
}

}  // namespace

void TakeOverLibraryLogs() {
  gpr_set_log_function(LogOfGrpc);
  google::protobuf::SetLogHandler(LogOfProtobuf);
}

}  // namespace smartbatch::rpc
