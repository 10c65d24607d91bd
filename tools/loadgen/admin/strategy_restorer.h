// The obligation to leave the proxy with the strategy it had.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tools/loadgen/admin/admin_client.h"

namespace smartbatch::loadgen {

// Remembers the active strategy with its parameters and sets it again when destroyed, however the scope is left.
// The client must outlive it.
class StrategyRestorer {
 public:
  static absl::StatusOr<StrategyRestorer> Remember(const AdminClient& admin);
  ~StrategyRestorer();
  StrategyRestorer(StrategyRestorer&& other) noexcept;
  StrategyRestorer& operator=(StrategyRestorer&&) = delete;

  // Sets the strategy again now, so that a failure can be reported; later calls do nothing.
  absl::Status Restore();
  const std::string& name() const { return found_.name; }

 private:
  StrategyRestorer(const AdminClient& admin, LabelledStrategy found) : admin_(&admin), found_(std::move(found)) {}

  const AdminClient* admin_;  // null once there is nothing to restore
  LabelledStrategy found_;
};

}  // namespace smartbatch::loadgen
