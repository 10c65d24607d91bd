// How a process follows another one on the same ports, so that nobody is refused in between.
#pragma once

#include <memory>

#include "services/net/service_manager.h"

namespace smartbatch::net {

// One of two ways, or none: then a port belongs to one process alone, until that ends.
struct Handover {
  // The ports may be taken by other processes of this user that share them too (SO_REUSEPORT): while one of them stops
  // the next is there already. The newest gets the new connections.
  bool share_ports = false;
  // The ports are open already, and stay so when this process ends. Null: none is.
  std::shared_ptr<InheritedSockets> inherited;

  // Whether another process takes the connections once this one takes none any more.
  bool IsPossible() const { return share_ports || inherited != nullptr; }
};

}  // namespace smartbatch::net
