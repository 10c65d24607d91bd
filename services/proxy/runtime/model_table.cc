#include "services/proxy/runtime/model_table.h"

#include <cassert>
#include <utility>

#include <absl/strings/str_join.h>

namespace smartbatch::runtime {

ModelTable::ModelTable(std::vector<Entry> entries) : entries_(std::move(entries)) { assert(!entries_.empty()); }

const ModelTable::Entry* ModelTable::Find(std::string_view name) const {
  if (name.empty()) return &entries_.front();
  for (const Entry& entry : entries_) {  // few
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

std::string ModelTable::Names() const {
  const auto name = [](std::string* out, const Entry& entry) { out->append(entry.name); };
  return absl::StrJoin(entries_, ", ", name);
}

}  // namespace smartbatch::runtime
