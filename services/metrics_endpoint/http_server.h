// A small HTTP/1.1 server of a few documents, in the clear or over TLS.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "services/net/handover.h"
#include "services/tls/tls_files.h"

namespace smartbatch::metrics {

// Answers GET and HEAD of each document's path until it is destroyed; one thread serves all connections. At most 64
// connections, 8 KiB of a request's header, 10 s for a handshake or a request, 2 minutes between requests. With a
// certificate it speaks TLS 1.2 or later, with authorities only to those who show a certificate of theirs; the files
// are read again for every connection, and as long as they cannot be used those that could be used last go on.
//
// Every answer tells browsers to load and run nothing but what this server has, in no other site's frame, and to keep
// nothing.
class HttpServer {
 public:
  struct Document {
    std::string path;
    std::string content_type;
    // Called for every request, on the server's thread.
    std::function<std::string()> body;
  };

  // `address` is host:port; port 0 takes a free one. UNAVAILABLE where it cannot be bound, INVALID_ARGUMENT as
  // tls::CheckServerFiles.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, const tls::TlsFiles& files,
                                                           std::vector<Document> documents,
                                                           const net::Handover& handover = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // host:port with the port that was bound.
  const std::string& address() const { return address_; }

  // Soon new connections are refused, or the next process's. Those that are open are served.
  void StopAccepting();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl, std::string address);

  const std::unique_ptr<Impl> impl_;
  const std::string address_;
  std::jthread thread_;
};

}  // namespace smartbatch::metrics
