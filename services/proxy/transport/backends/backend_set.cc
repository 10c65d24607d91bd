#include "services/proxy/transport/backends/backend_set.h"

#include <algorithm>
#include <utility>

#include <absl/strings/match.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_join.h>
#include <absl/strings/strip.h>
#include <spdlog/spdlog.h>

#include "common/program/logging.h"

namespace smartbatch::transport {
namespace {

bool IsName(const BackendTarget& target) { return absl::StartsWith(target.address, kDnsPrefix); }
std::string NameOf(const BackendTarget& target) { return std::string(absl::StripPrefix(target.address, kDnsPrefix)); }

}  // namespace

BackendSet::BackendSet(runtime::Dispatcher& dispatcher, MakeClient make_client, const BackendSetOptions& options,
                       Lookup lookup)
    : dispatcher_(dispatcher), make_client_(std::move(make_client)), options_(options), lookup_(std::move(lookup)) {}

BackendSet::~BackendSet() {
  const MutexLock lock(mutex_);
  for (const auto& [address, member] : members_) member.client->StopHealthChecks();
}

void BackendSet::SetTargets(std::vector<BackendTarget> targets) {
  const MutexLock lock(mutex_);
  targets_ = std::move(targets);
  std::map<std::string, std::vector<std::string>> known;
  for (const BackendTarget& target : targets_) {
    if (!IsName(target)) continue;
    const auto found = found_.find(NameOf(target));
    if (found != found_.end()) known.insert(*found);
    has_new_names_ = has_new_names_ || found == found_.end();
  }
  found_ = std::move(known);
  Update();
  if (has_new_names_) wake_.notify_all();
}

void BackendSet::Refresh() {
  std::vector<std::string> names;
  {
    const MutexLock lock(mutex_);
    has_new_names_ = false;
    for (const BackendTarget& target : targets_) {
      if (IsName(target)) names.push_back(NameOf(target));
    }
  }
  if (names.empty()) return;
  // Not under the lock: a resolver may take long.
  std::map<std::string, std::vector<std::string>> found;
  for (const std::string& name : names) {
    auto addresses = lookup_(name);
    if (!addresses.ok()) {
      spdlog::warn("backends of {}: {}; the known ones stay", name, std::string(addresses.status().message()));
    } else if (addresses->empty()) {
      spdlog::warn("backends of {}: the name has no address; the known ones stay", name);
    } else {
      found.emplace(name, *std::move(addresses));
    }
  }
  const MutexLock lock(mutex_);
  for (const BackendTarget& target : targets_) {
    const auto looked_up = IsName(target) ? found.find(NameOf(target)) : found.end();
    if (looked_up != found.end()) found_[looked_up->first] = looked_up->second;
  }
  Update();
}

void BackendSet::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      const MutexLock lock(mutex_);
      runs_ = true;
      wake_.wait_for(mutex_, stop, options_.lookup_interval,
                     [this]() SMARTBATCH_REQUIRES(mutex_) { return has_new_names_; });
    }
    if (!stop.stop_requested()) Refresh();
  }
}

void BackendSet::Update() {
  std::map<std::string, BackendTarget> wanted;
  for (const BackendTarget& target : targets_) {
    if (!IsName(target)) {
      wanted.emplace(target.address, target);
      continue;
    }
    for (const std::string& address : found_[NameOf(target)]) wanted.emplace(address, target);
  }
  for (const auto& [address, target] : wanted) {
    if (members_.contains(address)) {
      Change(address, target);
    } else {
      Add(address, target);
    }
  }
  std::vector<std::string> unwanted;
  for (const auto& [address, member] : members_) {
    if (!wanted.contains(address)) unwanted.push_back(address);
  }
  for (const std::string& address : unwanted) {
    spdlog::info("backend {} is removed", address);
    Remove(address);
  }
}

void BackendSet::Change(const std::string& address, const BackendTarget& target) {
  Member& member = members_.at(address);
  if (member.device != target.device) {
    spdlog::info("backend {} now runs on {}", address,
                 target.device == nullptr ? "no shared device" : "device " + target.device->device().name());
    Remove(address);
    return Add(address, target);
  }
  if (member.slots == target.slots) return;
  spdlog::info("backend {} now has {} slots; it had {}", address, target.slots, member.slots);
  member.slots = target.slots;
  dispatcher_.SetSlots(member.id, target.slots);
}

void BackendSet::Add(const std::string& address, const BackendTarget& target) {
  spdlog::log(runs_ ? spdlog::level::info : spdlog::level::debug, "backend {} is added, with {} slots", address,
              target.slots);
  auto client = make_client_(address);
  const scheduling::BackendId id = dispatcher_.AddBackend(address, target.slots, options_.cost, client, target.device);
  if (options_.health_check_interval > Duration::zero()) {
    client->StartHealthChecks(options_.health_check_interval,
                              [this, id](scheduling::HealthReport report) { dispatcher_.ReportHealth(id, report); });
  }
  members_.emplace(address, Member{id, target.slots, target.device, std::move(client)});
}

void BackendSet::Remove(const std::string& address) {
  const auto member = members_.find(address);
  member->second.client->StopHealthChecks();
  dispatcher_.RemoveBackend(member->second.id);
  members_.erase(member);
}

std::vector<std::string> BackendSet::addresses() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> addresses;
  for (const auto& [address, member] : members_) addresses.push_back(address);
  return addresses;
}

std::string BackendSet::Troubles() const {
  constexpr std::size_t kMost = 10;
  const MutexLock lock(mutex_);
  if (members_.empty()) return "there is no backend";
  std::vector<std::string> troubles;
  for (const auto& [address, member] : members_) {
    if (troubles.size() == kMost) {
      troubles.push_back(absl::StrCat(members_.size() - kMost, " more"));
      break;
    }
    const std::string trouble = member.client->trouble();
    troubles.push_back(absl::StrCat(address, " (", trouble.empty() ? "no error" : program::Quoted(trouble), ")"));
  }
  return absl::StrJoin(troubles, ", ");
}

}  // namespace smartbatch::transport
