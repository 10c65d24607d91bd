#include "tools/loadgen/model/result_set.h"

namespace smartbatch::loadgen {

std::string GroupOf(const std::string& customer) {
  const std::size_t last = customer.find_last_not_of("0123456789");
  if (last == std::string::npos || last + 1 == customer.size()) return customer;
  const std::size_t end = customer.find_last_not_of("-_.", last);
  return end == std::string::npos ? customer : customer.substr(0, end + 1);
}

}  // namespace smartbatch::loadgen
