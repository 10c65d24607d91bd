// How a process takes over the ports of another one, so that nobody is refused in between.
#pragma once

#include <memory>

#include "services/net/service_manager.h"

namespace smartbatch::net {

// The way to take over ports: one of two, or none. If none, a port belongs to one process alone until it ends.
struct Handover {
  // Other processes of the same user may listen on the same ports if they share them too (SO_REUSEPORT). So the next
  // process listens before this one stops. The newest process gets the new connections.
  bool share_ports = false;
  // Listening sockets from the service manager, which stay open when this process ends. Null if there are none.
  std::shared_ptr<InheritedSockets> inherited;

  // Returns true if another process can take the connections once this one takes no more.
  bool IsPossible() const { return share_ports || inherited != nullptr; }
};

}  // namespace smartbatch::net
