// A GET over plain HTTP, for tests of what Prometheus sees.
#pragma once

#include <string>

namespace smartbatch::testing {

// The whole answer of http://127.0.0.1:PORT/PATH, head included; empty if nobody answers. `address` is host:port, of
// which only the port is used.
std::string HttpGet(const std::string& address, const std::string& path);

}  // namespace smartbatch::testing
