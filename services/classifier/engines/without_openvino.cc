// In place of minilm.cc in a program that is built without OpenVINO.
#include "absl/status/status.h"
#include "services/classifier/engines/minilm.h"

namespace smartbatch::classifier {

absl::StatusOr<std::unique_ptr<Engine>> MakeMiniLm(const std::string& /*model*/, std::size_t /*slots*/) {
  return absl::UnimplementedError(
      "--engine minilm: this program was built without OpenVINO; run scripts/engine, which fetches it and builds "
      "build/engine/bin/smartbatch-classifier with it, or use --engine rules");
}

}  // namespace smartbatch::classifier
