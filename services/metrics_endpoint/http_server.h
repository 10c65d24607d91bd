// A small HTTP/1.1 server for a few documents, in the clear or over TLS.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "services/net/handover.h"
#include "services/tls/tls_files.h"

namespace smartbatch::metrics_endpoint {

// Answers GET and HEAD for each document's path until it is destroyed; one thread serves all connections. Limits: 64
// connections, 8 KiB for a request's header, 10 s for a handshake or a request, 2 minutes between requests. With a
// certificate it speaks TLS 1.2 or later; with authorities it speaks only to clients that present a certificate signed
// by them. The files are read again for every connection; while they cannot be used, the last usable ones stay in use.
//
// Every answer tells browsers to load and run only what this server has, never inside another site's frame, and to
// store nothing.
class HttpServer {
 public:
  struct Document {
    std::string path;
    std::string content_type;
    // Called for every request, on the server's thread.
    std::function<std::string()> body;
  };

  // `address` is host:port; port 0 takes a free one. UNAVAILABLE if it cannot be bound, INVALID_ARGUMENT as
  // tls::CheckServerFiles.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& address, const tls::TlsFiles& files,
                                                           std::vector<Document> documents,
                                                           const net::Handover& handover = {});
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // host:port with the port that was bound.
  const std::string& address() const { return address_; }

  // Soon after this call new connections are refused, or go to the next process. Open connections are still served.
  void StopAccepting();

 private:
  class Impl;
  explicit HttpServer(std::unique_ptr<Impl> impl, std::string address);

  const std::unique_ptr<Impl> impl_;
  const std::string address_;
  std::jthread thread_;
};

}  // namespace smartbatch::metrics_endpoint
