#include "services/metrics_endpoint/http_server.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <type_traits>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/mutex.h"
#include "services/net/tcp_listener.h"
#include "services/tls/certificate_watch.h"

namespace smartbatch::metrics_endpoint {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

constexpr int kMaxConnections = 64;
constexpr std::uint32_t kMaxHeaderBytes = 8192;
constexpr std::chrono::seconds kRequestTime{10};
constexpr std::chrono::minutes kIdleTime{2};

using Response = http::response<http::string_body>;

using Documents = std::vector<HttpServer::Document>;

// What a page may load and run. Its own script sets styles on elements, which this allows.
constexpr char kContentSecurityPolicy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

Response ResponseTo(const http::request<http::empty_body>& request, const Documents& documents) {
  const auto document = std::find_if(documents.begin(), documents.end(),
                                     [&](const HttpServer::Document& each) { return request.target() == each.path; });
  const bool known = document != documents.end();
  const bool reads = request.method() == http::verb::get || request.method() == http::verb::head;
  const http::status status = !known   ? http::status::not_found
                              : !reads ? http::status::method_not_allowed
                                       : http::status::ok;
  Response response(status, request.version());
  response.keep_alive(request.keep_alive());
  if (status == http::status::ok) {
    response.set(http::field::content_type, document->content_type);
    response.set("Content-Security-Policy", kContentSecurityPolicy);
    response.set("X-Content-Type-Options", "nosniff");
    response.set(http::field::cache_control, "no-store");
    response.body() = document->body();
  } else if (known) {
    response.set(http::field::allow, "GET, HEAD");
  }
  response.prepare_payload();
  if (request.method() == http::verb::head) response.body().clear();
  return response;
}

// One connection. The operations that it waits for keep it alive.
template <class Stream>
class Session : public std::enable_shared_from_this<Session<Stream>> {
 public:
  // `open` is held for as long as the connection lives.
  Session(Stream stream, const Documents& documents, std::shared_ptr<void> open)
      : open_(std::move(open)), stream_(std::move(stream)), documents_(documents) {}

  void Start() {
    if constexpr (kSecure) {
      Lowest().expires_after(kRequestTime);
      stream_.async_handshake(ssl::stream_base::server, [self = this->shared_from_this()](error_code error) {
        if (!error) self->Read(kRequestTime);
      });
    } else {
      Read(kRequestTime);
    }
  }

 private:
  static constexpr bool kSecure = !std::is_same_v<Stream, beast::tcp_stream>;

  beast::tcp_stream& Lowest() { return beast::get_lowest_layer(stream_); }

  void Read(std::chrono::seconds patience) {
    parser_.emplace();
    parser_->header_limit(kMaxHeaderBytes);
    parser_->body_limit(kMaxHeaderBytes);
    Lowest().expires_after(patience);
    http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (!error) self->Write();
    });
  }

  void Write() {
    response_ = ResponseTo(parser_->get(), documents_);
    Lowest().expires_after(kRequestTime);
    http::async_write(stream_, response_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error) return;
      if (self->response_.keep_alive()) return self->Read(kIdleTime);
      self->Close();
    });
  }

  void Close() {
    if constexpr (kSecure) {
      Lowest().expires_after(kRequestTime);
      stream_.async_shutdown([self = this->shared_from_this()](error_code) {});
    } else {
      error_code ignored;
      stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
    }
  }

  const std::shared_ptr<void> open_;
  Stream stream_;
  const Documents& documents_;
  beast::flat_buffer buffer_{2 * kMaxHeaderBytes};
  std::optional<http::request_parser<http::empty_body>> parser_;
  Response response_;
};

// Null if OpenSSL refuses contents that were checked, which it should not.
std::shared_ptr<ssl::context> MakeContext(const tls::Material& material) {
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  error_code error;
  context->set_options(ssl::context::default_workarounds | ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1 |
                       SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context->native_handle(), SSL_SESS_CACHE_OFF);
  context->use_certificate_chain(asio::buffer(material.certificate), error);
  if (!error) context->use_private_key(asio::buffer(material.key), ssl::context::pem, error);
  if (!error && !material.authorities.empty()) {
    context->add_certificate_authority(asio::buffer(material.authorities), error);
    if (!error) context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  }
  return error ? nullptr : context;
}

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(std::vector<Document> documents) : documents_(std::move(documents)) {}

  // Call it before Run.
  absl::Status SpeakTls(const tls::TlsFiles& files) {
    auto watch = tls::CertificateWatch::Start(files, [this](const tls::Material& material) {
      auto context = MakeContext(material);
      const MutexLock lock(mutex_);
      if (context) context_ = std::move(context);
    });
    if (!watch.ok()) return watch.status();
    watch_ = *std::move(watch);
    return absl::OkStatus();
  }
  absl::Status Listen(const std::string& host_port, const net::Handover& handover) {
    return listener_.Listen(host_port, handover);
  }
  std::uint16_t port() const { return listener_.port(); }

  void Run() {
    listener_.Accept([this](tcp::socket socket) { Serve(std::move(socket)); }, [](const std::string&) {});
    io_.run();
  }
  void StopAccepting() {
    asio::post(io_, [this] { listener_.Close(); });
  }
  void Stop() { io_.stop(); }

 private:
  void Serve(tcp::socket socket) {
    if (connections_ >= kMaxConnections) return;
    ++connections_;
    std::shared_ptr<void> open(nullptr, [this](void*) { --connections_; });
    if (!watch_) {
      std::make_shared<Session<beast::tcp_stream>>(beast::tcp_stream(std::move(socket)), documents_, std::move(open))
          ->Start();
      return;
    }
    watch_->Refresh();
    const std::shared_ptr<ssl::context> context = Context();
    if (!context) return;
    using Secure = beast::ssl_stream<beast::tcp_stream>;
    std::make_shared<Session<Secure>>(Secure(std::move(socket), *context), documents_, std::move(open))->Start();
  }
  std::shared_ptr<ssl::context> Context() {
    const MutexLock lock(mutex_);
    return context_;
  }

  const std::vector<Document> documents_;
  int connections_ = 0;
  asio::io_context io_{1};
  net::TcpListener listener_{io_};
  Mutex mutex_;
  // OpenSSL keeps alive what open connections use of it.
  std::shared_ptr<ssl::context> context_ SMARTBATCH_GUARDED_BY(mutex_);
  // Null without TLS. Last, so that it ends before what its thread uses.
  std::unique_ptr<tls::CertificateWatch> watch_;
};

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& address, const tls::TlsFiles& files,
                                                              std::vector<Document> documents,
                                                              const net::Handover& handover) {
  if (auto status = tls::CheckServerFiles(files); !status.ok()) return status;
  auto impl = std::make_unique<Impl>(std::move(documents));
  if (!files.certificate.empty()) {
    if (auto status = impl->SpeakTls(files); !status.ok()) return status;
  }
  if (auto status = impl->Listen(address, handover); !status.ok()) return status;
  std::string bound = absl::StrCat(address.substr(0, address.rfind(':')), ":", impl->port());
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl), std::move(bound)));
}

HttpServer::HttpServer(std::unique_ptr<Impl> impl, std::string address)
    : impl_(std::move(impl)), address_(std::move(address)), thread_([this] { impl_->Run(); }) {}

void HttpServer::StopAccepting() { impl_->StopAccepting(); }

HttpServer::~HttpServer() {
  impl_->Stop();
  thread_.join();
}

}  // namespace smartbatch::metrics_endpoint
