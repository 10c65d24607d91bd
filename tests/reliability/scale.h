// How long and how large the tests of this folder are: small by default, in full if the environment says so.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>

namespace smartbatch::testing {

// The number in the environment variable; if it is not set, `in_ci` if CI is set and `otherwise` if not.
inline std::size_t Scale(const char* variable, std::size_t in_ci, std::size_t otherwise) {
  if (const char* const set = std::getenv(variable); set != nullptr) return std::stoul(set);
  return std::getenv("CI") != nullptr ? in_ci : otherwise;
}

}  // namespace smartbatch::testing
