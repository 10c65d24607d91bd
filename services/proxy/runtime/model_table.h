// The models that the proxy serves, by name.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "services/proxy/runtime/dispatcher.h"
#include "services/proxy/runtime/recent_decisions.h"
#include "services/proxy/runtime/request_statistics.h"

namespace smartbatch::runtime {

// Each model has a dispatcher of its own, and with it a queue, a strategy, costs and backends: no batch holds requests
// of two models. The versions of a model share its dispatcher; the keys of their payloads keep them out of each
// other's batches. Immutable, so it may be used from any thread. What its entries refer to must outlive it.
class ModelTable {
 public:
  struct Entry {
    std::string name;  // as customers call it
    Dispatcher& dispatcher;
    const RecentDecisions& decisions;
    const RequestStatistics& statistics;
  };

  // At least one; no two have the same name. The first is the default model.
  explicit ModelTable(std::vector<Entry> entries);

  // The model of that name, the default one if the name is empty; null if there is none.
  const Entry* Find(std::string_view name) const;
  // The default one first.
  std::span<const Entry> all() const { return entries_; }
  // All names, for people: "a, b".
  std::string Names() const;

 private:
  const std::vector<Entry> entries_;
};

}  // namespace smartbatch::runtime
