// Numbers for the keys by which payloads may share a batch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <absl/container/node_hash_map.h>

namespace smartbatch::runtime {

// A table that gives every key in use a number of its own, since the core compares numbers. The empty key is 0 and
// takes no room. A number is given to another key once no request uses its key any more, so the table has at most one
// entry per request. Thread safety: none.
class BatchKinds {
 public:
  // Adds a user of the key and returns the key's number.
  std::uint32_t Enter(const std::string& key) {
    if (key.empty()) return 0;
    const auto [entry, is_new] = kinds_.try_emplace(key);
    if (is_new) {
      entry->second.kind = Free();
      keys_[entry->second.kind] = &entry->first;
    }
    ++entry->second.users;
    return entry->second.kind;
  }
  // Removes a user of the key with that number.
  void Leave(std::uint32_t kind) {
    if (kind == 0) return;
    const auto entry = kinds_.find(*keys_[kind]);
    if (--entry->second.users > 0) return;
    kinds_.erase(entry);
    keys_[kind] = nullptr;
    free_.push_back(kind);
  }
  // The number of keys in use.
  std::size_t size() const { return kinds_.size(); }

 private:
  struct Entry {
    std::uint32_t kind = 0;
    std::uint64_t users = 0;
  };

  std::uint32_t Free() {
    if (free_.empty()) {
      keys_.push_back(nullptr);
      return static_cast<std::uint32_t>(keys_.size() - 1);
    }
    const std::uint32_t kind = free_.back();
    free_.pop_back();
    return kind;
  }

  absl::node_hash_map<std::string, Entry> kinds_;  // its keys keep their addresses
  std::vector<const std::string*> keys_{nullptr};  // by number
  std::vector<std::uint32_t> free_;
};

}  // namespace smartbatch::runtime
