// Reading a whole file.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace smartbatch {

// What `ReadFile` may be given.
enum class FileKind {
  // Only a regular file, or a link to one: what a server reads again while it runs.
  kRegular,
  // Also a pipe or a terminal, such as /dev/stdin or the `<(...)` of a shell: what a person names on a command line.
  // Then the call waits as long as the writer takes. A named pipe that has no writer reads as empty.
  kAnyStream,
};

// The contents of the file at `path`, of at most `max_bytes` bytes. The call never waits for the writer of a pipe when
// only a regular file is allowed. INVALID_ARGUMENT, in one line that names the path, the reason and the remedy, when
// there is no such file, when it cannot be read, is a folder or a kind that is not allowed, is larger than `max_bytes`,
// or is changed while it is read. Throws nothing. Thread safe.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes,
                                     FileKind kind = FileKind::kRegular);

}  // namespace smartbatch
