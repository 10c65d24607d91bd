// What gRPC and protobuf write to standard error by themselves, brought into the program's own log.
#pragma once

namespace smartbatch::rpc {

// gRPC's errors become warnings, a few a second at most. What callers can cause at will (protobuf's line for every
// string that is not valid UTF-8) and what the program reports itself (gRPC's paragraph on an address that cannot be
// bound) become debug lines. Call it once in main(), before the first use of gRPC or protobuf; not thread safe.
void TakeOverLibraryLogs();

}  // namespace smartbatch::rpc
