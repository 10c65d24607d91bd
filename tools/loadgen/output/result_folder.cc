#include "tools/loadgen/output/result_folder.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"

namespace smartbatch::loadgen {
namespace fs = std::filesystem;

absl::StatusOr<ResultFolder> ResultFolder::Open(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  std::string reason = error ? error.message() : "";
  if (!error && access(path.c_str(), W_OK | X_OK) != 0) reason = std::generic_category().message(errno);
  ResultFolder folder(path);
  if (reason.empty()) {
    // Writing may fail although the permissions allow it: the disk may be full.
    const absl::Status written = folder.Write("write-test", std::string("whether there is room"));
    fs::remove(path / "write-test", error);
    if (!written.ok()) reason = std::string(written.message());
  }
  if (reason.empty()) return folder;
  return absl::InvalidArgumentError(absl::StrCat("cannot write results to '", path.string(), "' (", reason,
                                                 "): name a writable folder with --results"));
}

namespace {

// What the system has accepted may still find no room on the disk.
absl::Status Sync(const fs::path& path, const std::string& name) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool synced = descriptor >= 0 && fsync(descriptor) == 0;
  const int error = errno;
  if (descriptor >= 0) close(descriptor);
  if (synced) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("cannot write ", name, ": ", std::generic_category().message(error)));
}

}  // namespace

absl::Status ResultFolder::Produce(const std::string& name,
                                   const std::function<absl::Status(const fs::path&)>& produce) const {
  const fs::path temporary = path_ / absl::StrCat(".", name, ".partial");
  absl::Status status = produce(temporary);
  if (status.ok()) status = Sync(temporary, name);
  std::error_code error;
  if (status.ok()) {
    fs::rename(temporary, path_ / name, error);
    if (error) status = absl::InternalError(absl::StrCat("cannot write ", name, ": ", error.message()));
  }
  if (!status.ok()) fs::remove(temporary, error);
  return status;
}

absl::Status ResultFolder::Write(const std::string& name, const std::function<void(std::ostream&)>& write) const {
  return Produce(name, [&](const fs::path& temporary) {
    std::ofstream file(temporary, std::ios::binary);
    write(file);
    file.close();
    return file ? absl::OkStatus()
                : absl::InternalError(
                      absl::StrCat("cannot write ", name, " in ", path_.string(), ": is the disk full?"));
  });
}

absl::Status ResultFolder::Write(const std::string& name, const std::string& content) const {
  return Write(name, [&](std::ostream& out) { out << content; });
}

}  // namespace smartbatch::loadgen
