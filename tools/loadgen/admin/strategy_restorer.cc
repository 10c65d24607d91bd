#include "tools/loadgen/admin/strategy_restorer.h"

#include <utility>

#include <fmt/format.h>

#include "absl/strings/str_cat.h"

namespace smartbatch::loadgen {

absl::StatusOr<StrategyRestorer> StrategyRestorer::Remember(const AdminClient& admin) {
  const absl::StatusOr<proxy::v1::GetStrategyResponse> active = admin.GetStrategy();
  if (!active.ok()) return active.status();
  return StrategyRestorer(admin, ToChoice(active->current()));
}

StrategyRestorer::StrategyRestorer(StrategyRestorer&& other) noexcept
    : admin_(std::exchange(other.admin_, nullptr)), found_(std::move(other.found_)) {}

StrategyRestorer::~StrategyRestorer() {
  const absl::Status status = Restore();
  if (!status.ok()) fmt::print(stderr, "loadgen: {}\n", std::string(status.message()));
}

absl::Status StrategyRestorer::Restore() {
  const AdminClient* const admin = std::exchange(admin_, nullptr);
  if (admin == nullptr) return absl::OkStatus();
  const auto response = admin->SetStrategy(found_, "loadgen restores what it found");
  if (response.ok()) return absl::OkStatus();
  return absl::Status(response.status().code(),
                      absl::StrCat("could not restore strategy '", found_.name, "': ", response.status().message()));
}

}  // namespace smartbatch::loadgen
