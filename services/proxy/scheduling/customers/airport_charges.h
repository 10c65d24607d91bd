// Splits the cost of a batch over its members.
#pragma once

#include <span>
#include <vector>

#include "common/cost_model.h"

namespace smartbatch::scheduling {

// Splits the cost of a batch over its members by the airport game (Littlechild and Owen, "A Simple Expression
// for the Shapley Value in a Special Case", 1973): a member that needs a longer batch shares the extra cost of
// that length with the others that need it too, so no member pays for another's length.
//
// `lengths` are the members' lengths, in any order; the first `paying` of them pay, at least 1. The others ride
// free: they pay, in equal parts, only what their seats add, which is nothing if riders are free. Of n members, the
// longest of length L, p are payers; c_i = cost.Seconds(p, L_i) over the payers in ascending order, c_0 = 0:
//   payer i:  sum over k <= i of (c_k - c_{k-1}) / (p - k + 1)
//   rider:    (cost.Seconds(n, L) - cost.Seconds(p, L)) / (n - p)
// No rider may be longer than the longest payer. The charges sum to cost.Seconds(lengths.size(), longest).
// Appends one charge in seconds for each member to `charges`, in the order of `lengths`.
void AirportCharges(const CostModel& cost, std::span<const std::uint32_t> lengths, std::size_t paying,
                    std::vector<double>& charges);

}  // namespace smartbatch::scheduling
