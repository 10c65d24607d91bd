// Brings what gRPC and protobuf write to standard error into the program's own log.
#pragma once

namespace smartbatch::rpc {

// gRPC's errors become warnings, at most a few a second. Lines that callers can cause at will (protobuf's line for
// every string that is not valid UTF-8) and lines on what the program reports itself (gRPC's paragraph on an address
// that cannot be bound) become debug lines. Call it once in main(), before the first use of gRPC or protobuf. Not
// thread safe.
void TakeOverLibraryLogs();

}  // namespace smartbatch::rpc
