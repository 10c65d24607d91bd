#include "services/rpc/checked_certificates.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"

namespace smartbatch::rpc {
namespace {

// The shortest that gRPC knows.
constexpr unsigned kGrpcLooksEverySeconds = 1;

std::string PathOf(int descriptor) {
  return descriptor < 0 ? std::string() : absl::StrCat("/proc/self/fd/", descriptor);
}

absl::Status Failed(const char* what) {
  return absl::InternalError(
      absl::StrCat("cannot ", what, " a file in memory for certificates: ", std::generic_category().message(errno)));
}

bool WriteAll(int descriptor, const std::string& text) {
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t count = write(descriptor, text.data() + done, text.size() - done);
    if (count < 0 && errno != EINTR) return false;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return true;
}

// `descriptor` stands for a file of this text afterwards, from one moment to the next; it is made when it is negative.
absl::Status Replace(int& descriptor, const std::string& text, long generation) {
  const int fresh = memfd_create("certificates", MFD_CLOEXEC);
  if (fresh < 0) return Failed("make");
  // gRPC reads a file twice, for the certificate and for the key, looks at its time before and after, in whole seconds,
  // and reads again when that has changed: so each generation has another time.
  const timespec time{generation, 0};
  const timespec times[] = {time, time};
  const bool written = WriteAll(fresh, text) && futimens(fresh, times) == 0;
  if (!written || (descriptor >= 0 && dup3(fresh, descriptor, O_CLOEXEC) < 0)) {
    const absl::Status status = Failed("write");
    close(fresh);
    return status;
  }
  if (descriptor < 0) {
    descriptor = fresh;
  } else {
    close(fresh);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<CheckedCertificates>> CheckedCertificates::Start(const tls::TlsFiles& files) {
  std::unique_ptr<CheckedCertificates> certificates(new CheckedCertificates);
  absl::Status first;
  auto watch = tls::CertificateWatch::Start(files, [&first, self = certificates.get()](const tls::Material& material) {
    absl::Status status = self->Put(material);
    if (self->provider_ == nullptr) {
      first = std::move(status);
    } else if (!status.ok()) {
      spdlog::error("TLS: the certificates before stay in use: {}", std::string(status.message()));
    }
  });
  if (!watch.ok()) return watch.status();
  if (!first.ok()) return first;
  certificates->watch_ = *std::move(watch);
  return certificates;
}

// The certificate and its key are one file, so that they change at one moment. The descriptors stay open until the
// process ends: connections of gRPC may outlive this, and its watcher goes on to open their paths, which must not stand
// for other files then. A process makes only a few of these.
absl::Status CheckedCertificates::Put(const tls::Material& material) {
  ++generation_;
  const bool has_pair = !material.certificate.empty();
  if (has_pair) {
    const std::string pair = absl::StrCat(material.certificate, "\n", material.key);
    if (auto status = Replace(pair_, pair, generation_); !status.ok()) return status;
  }
  if (!material.authorities.empty()) {
    if (auto status = Replace(authorities_, material.authorities, generation_); !status.ok()) return status;
  }
  if (provider_ == nullptr) {
    provider_ = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
        PathOf(pair_), PathOf(pair_), PathOf(authorities_), kGrpcLooksEverySeconds);
  }
  return absl::OkStatus();
}

}  // namespace smartbatch::rpc
