// Which addresses a name stands for.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <absl/status/statusor.h>

namespace smartbatch::transport {

// The addresses of host:port, each as address:port ([address]:port for IPv6), sorted, none twice. Thread safe; may take
// as long as the system's resolver does. UNAVAILABLE where the name cannot be looked up.
using Lookup = std::function<absl::StatusOr<std::vector<std::string>>(const std::string& host_and_port)>;

// Asks the system's resolver: /etc/hosts, DNS and whatever else the machine is set up for.
absl::StatusOr<std::vector<std::string>> LookUpBySystem(const std::string& host_and_port);

}  // namespace smartbatch::transport
