// Looking up the addresses of a name.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace smartbatch::transport {

// Returns the addresses of host:port, each as address:port ([address]:port for IPv6), sorted, none twice. UNAVAILABLE
// if the name cannot be looked up. May take as long as the system's resolver does. Thread safe.
using Lookup = std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host_and_port)>;

// Asks the system's resolver: /etc/hosts, DNS and whatever else the machine is configured to use.
absl::StatusOr<std::vector<std::string>> LookUpBySystem(const std::string& host_and_port);

}  // namespace smartbatch::transport
