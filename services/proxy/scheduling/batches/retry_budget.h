// Limits how much is tried again.
#pragma once

#include <algorithm>
#include <cstdint>

namespace smartbatch::scheduling {

// Limits retries to a share of what is served, so that a failing backend does not cause a storm of retries: a token
// bucket as in gRPC's retry throttling (proposal A6) and Envoy's retry budget. Each served sequence earns `share` of a
// retry, up to kMost. The budget starts with kMost, so that many may be tried again if everything fails at once. Not
// thread safe.
class RetryBudget {
 public:
  static constexpr double kMost = 100;

  void Earn(std::uint32_t sequences, double share) { left_ = std::min(kMost, left_ + share * sequences); }
  // Spends one retry; returns false if none is left.
  bool Spend() {
    if (left_ < 1) return false;
    left_ -= 1;
    return true;
  }

 private:
  double left_ = kMost;
};

}  // namespace smartbatch::scheduling
