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

// The shortest interval that gRPC accepts.
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

// Makes `descriptor` refer to a file with this text, in one step. If it is negative it is created.
absl::Status Replace(int& descriptor, const std::string& text, long generation) {
  const int fresh = memfd_create("certificates", MFD_CLOEXEC);
  if (fresh < 0) return Failed("make");
  // gRPC reads a file twice, for the certificate and for the key. It compares the file's time, in whole seconds, before
  // and after, and reads again if it has changed. So each generation has a time of its own.
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
      spdlog::error("TLS: the previous certificates stay in use: {}", std::string(status.message()));
    }
  });
  if (!watch.ok()) return watch.status();
  if (!first.ok()) return first;
  certificates->watch_ = *std::move(watch);
  return certificates;
}

// The certificate and its key are in one file, so that they change in one step. The descriptors stay open until the
// process ends: gRPC's connections may outlive this object, and its watcher goes on opening the descriptors' paths,
// which must not refer to other files then. A process makes only a few of these objects.
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
