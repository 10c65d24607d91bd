// Listens on a TCP port.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include "absl/status/status.h"
#include "services/net/handover.h"

namespace smartbatch::net {

// Accepts the connections to host:port. If accept() fails, for example for lack of descriptors, it is tried again a
// tenth of a second later.
//
// `io` must outlive it. Callbacks are called by the thread that runs `io`. Not thread safe.
class TcpListener {
 public:
  using Socket = boost::asio::ip::tcp::socket;

  explicit TcpListener(boost::asio::io_context& io) : io_(io) {}
  TcpListener(const TcpListener&) = delete;
  TcpListener& operator=(const TcpListener&) = delete;

  // Listens on every address of the host, with inherited sockets for those that have one; port 0 asks the system for a
  // free one. Connections wait in the system until Accept. UNAVAILABLE, naming the address, if it cannot be bound. Call
  // it once.
  absl::Status Listen(const std::string& host_port, const Handover& handover = {});
  // The port that was bound. Call it after Listen.
  std::uint16_t port() const;

  // Until Close, passes each connection to `accepted`, and the reason to `failed` if one could not be accepted. Call it
  // once, after Listen.
  void Accept(std::function<void(Socket)> accepted, std::function<void(const std::string& error)> failed);
  // Stops listening. Connections that wait in the system are accepted first, unless the sockets were inherited: then
  // they wait for the next process. Called by the thread that runs `io`.
  void Close();

 private:
  using Acceptor = boost::asio::ip::tcp::acceptor;

  boost::system::error_code Bind(const boost::asio::ip::tcp::endpoint& endpoint, const Handover& handover);
  void AcceptWaiting(Acceptor& acceptor);
  void AcceptOn(Acceptor& acceptor);
  void AcceptLaterOn(Acceptor& acceptor);

  boost::asio::io_context& io_;
  std::list<Acceptor> acceptors_;
  bool inherited_ = false;
  std::function<void(Socket)> accepted_;
  std::function<void(const std::string&)> failed_;
};

}  // namespace smartbatch::net
