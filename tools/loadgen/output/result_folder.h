// The folder of the result files. A file is there whole, and on the disk, or not at all.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace smartbatch::loadgen {

class ResultFolder {
 public:
  // Creates the folder if it is missing and tries to write to it; INVALID_ARGUMENT if that fails.
  static absl::StatusOr<ResultFolder> Open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }

  // Writes the file `name` under a temporary name and renames it once it is complete and on the disk. If
  // the disk is full or fails, the error is INTERNAL and no new file of that name appears.
  absl::Status Write(const std::string& name, const std::string& content) const;
  absl::Status Write(const std::string& name, const std::function<void(std::ostream&)>& write) const;
  // The same for a file that another program writes: `produce` gets the temporary path.
  absl::Status Produce(const std::string& name,
                       const std::function<absl::Status(const std::filesystem::path&)>& produce) const;

 private:
  explicit ResultFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

}  // namespace smartbatch::loadgen
