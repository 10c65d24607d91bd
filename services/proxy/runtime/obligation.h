// A duty to tell somebody a result, once.
#pragma once

#include <type_traits>
#include <utility>

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>
#include <absl/status/statusor.h>

namespace smartbatch::runtime {

// An obligation calls its function exactly once: with the value that fulfils it or, if it is destroyed before, with an
// INTERNAL error. So a caller is never left without an answer, whatever goes wrong on the way. Move-only.
// Thread safety: may be fulfilled from any thread, but not used by two threads at once.
template <class Value>
class Obligation {
 public:
  using Function = absl::AnyInvocable<void(absl::StatusOr<Value>)>;

  // An obligation under which nothing is owed.
  Obligation() = default;
  explicit Obligation(Function function) : function_(std::move(function)) {}
  ~Obligation() { Drop(); }
  Obligation(Obligation&& other) noexcept : function_(std::exchange(other.function_, nullptr)) {}
  Obligation& operator=(Obligation&& other) noexcept {
    if (this != &other) {
      Drop();
      function_ = std::exchange(other.function_, nullptr);
    }
    return *this;
  }

  // Returns true if something is owed.
  explicit operator bool() const { return static_cast<bool>(function_); }

  // Requires: something is owed.
  void Fulfil(absl::StatusOr<Value> value) && { std::exchange(function_, nullptr)(std::move(value)); }

 private:
  void Drop() {
    if (function_) std::move(*this).Fulfil(absl::InternalError("the obligation to answer was dropped"));
  }

  Function function_;
};

}  // namespace smartbatch::runtime
