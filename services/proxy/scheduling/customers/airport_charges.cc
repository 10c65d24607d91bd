#include "services/proxy/scheduling/customers/airport_charges.h"

#include <algorithm>
#include <cassert>
#include <cstdint>
#include <numeric>

#include <absl/container/inlined_vector.h>

namespace smartbatch::scheduling {

void AirportCharges(const CostModel& cost, std::span<const std::uint32_t> lengths, std::size_t paying,
                    std::vector<double>& charges) {
  assert(paying >= 1 && paying <= lengths.size());
  absl::InlinedVector<std::uint32_t, 8> ascending(paying);
  std::iota(ascending.begin(), ascending.end(), 0U);
  std::sort(ascending.begin(), ascending.end(), [&](std::uint32_t left, std::uint32_t right) {
    return lengths[left] != lengths[right] ? lengths[left] < lengths[right] : left < right;
  });

  const double payers = static_cast<double>(paying);
  const std::size_t first = charges.size();
  const std::size_t riders = lengths.size() - paying;
  const std::uint32_t longest = lengths[ascending.back()];
  const double seat = riders == 0 ? 0
                                  : (cost.Seconds(lengths.size(), longest) - cost.Seconds(paying, longest)) /
                                        static_cast<double>(riders);
  charges.resize(first + lengths.size(), std::max(seat, 0.0));

  double needed_before = 0;
  double share = 0;
  for (std::size_t k = 0; k < paying; ++k) {
    const double needed = cost.Seconds(paying, lengths[ascending[k]]);
    share += (needed - needed_before) / (payers - static_cast<double>(k));
    needed_before = needed;
    charges[first + ascending[k]] = share;
  }
}

}  // namespace smartbatch::scheduling
