#include "common/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/one_line.h"

namespace smartbatch {
namespace {

constexpr std::size_t kChunkBytes = 65536;

class Descriptor {
 public:
  explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
  ~Descriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

absl::Status CannotRead(const std::string& path, const std::string& reason) {
  return absl::InvalidArgumentError(OneLine(absl::StrCat("'", path, "' cannot be read: ", reason)));
}

absl::Status SystemError(const std::string& path, int error) {
  return CannotRead(path, absl::StrCat(std::generic_category().message(error),
                                       "; give the path of a file that this program may read"));
}

absl::Status CheckKind(const std::string& path, mode_t mode, FileKind kind) {
  if (S_ISREG(mode)) return absl::OkStatus();
  if (S_ISDIR(mode)) return CannotRead(path, "it is a folder; give the path of a file");
  const bool stream = S_ISFIFO(mode) || S_ISCHR(mode) || S_ISSOCK(mode);
  if (kind == FileKind::kAnyStream && stream) return absl::OkStatus();
  return CannotRead(path, "it is a pipe or a device; give the path of a regular file");
}

bool SameContents(const struct stat& left, const struct stat& right) {
  return left.st_size == right.st_size && left.st_mtim.tv_sec == right.st_mtim.tv_sec &&
         left.st_mtim.tv_nsec == right.st_mtim.tv_nsec;
}

absl::Status ReadToEnd(const std::string& path, int descriptor, std::size_t max_bytes, std::string& text) {
  std::array<char, kChunkBytes> chunk{};
  while (true) {
    const ssize_t count = read(descriptor, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return SystemError(path, errno);
    if (count == 0) return absl::OkStatus();
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > max_bytes) {
      return CannotRead(path, absl::StrCat("it is larger than ", max_bytes, " bytes; give a smaller file"));
    }
  }
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes, FileKind kind) {
  // Without O_NONBLOCK, opening a named pipe waits until somebody writes to it.
  const Descriptor file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) return SystemError(path, errno);
  struct stat before {};
  if (fstat(file.get(), &before) != 0) return SystemError(path, errno);
  if (auto status = CheckKind(path, before.st_mode, kind); !status.ok()) return status;
  const int flags = fcntl(file.get(), F_GETFL);
  if (flags < 0 || fcntl(file.get(), F_SETFL, flags & ~O_NONBLOCK) != 0) return SystemError(path, errno);

  std::string text;
  text.reserve(std::min(max_bytes, static_cast<std::size_t>(std::max<off_t>(before.st_size, 0))));
  if (auto status = ReadToEnd(path, file.get(), max_bytes, text); !status.ok()) return status;
  struct stat after {};
  if (fstat(file.get(), &after) != 0) return SystemError(path, errno);
  if (S_ISREG(before.st_mode) && !SameContents(before, after)) {
    return CannotRead(
        path, "it changed while it was read; write a new file beside it and rename that, so that it is always whole");
  }
  return text;
}

}  // namespace smartbatch
