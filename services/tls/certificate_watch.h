// Certificates that are replaced while the program runs.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/mutex.h"
#include "services/tls/tls_files.h"

namespace smartbatch::tls {

// Reads the files every second for as long as it lives, and takes over only what was checked: as long as the files
// cannot be used, what they held before stays. The log says once why they cannot when they cannot at two looks, that
// they were replaced, and each day (on the last one each hour) that the own certificate expires soon. Soon is when a
// fifth of its life is left, or 14 days if that is less. Thread safe.
class CertificateWatch {
 public:
  // Called with what holds from now on: at the start and after each change, one call after the other.
  using Changed = std::function<void(const Material& material)>;

  // INVALID_ARGUMENT as CheckFiles, without a call of `changed`.
  static absl::StatusOr<std::unique_ptr<CertificateWatch>> Start(TlsFiles files, Changed changed);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // Looks at the files now.
  void Refresh() SMARTBATCH_EXCLUDES(mutex_);

 private:
  friend std::vector<struct CertificateState> CertificateStates();

  CertificateWatch(TlsFiles files, Material material, Changed changed);
  void Run(const std::stop_token& stop);
  std::string Rejection() SMARTBATCH_REQUIRES(mutex_);

  const TlsFiles files_;
  const Changed changed_;
  Mutex mutex_;
  Material material_ SMARTBATCH_GUARDED_BY(mutex_);
  std::string last_rejection_ SMARTBATCH_GUARDED_BY(mutex_);
  // Guarded by the mutex of the list of all watches: for CertificateStates, and because several watches of one file say
  // the same only once.
  std::string rejection_;
  std::string told_certificate_;
  std::string told_expiry_;
  std::chrono::system_clock::time_point expires_;
  std::jthread thread_;
};

struct CertificateState {
  // The path of the own certificate, or without one that of the authorities.
  std::string file;
  // Whether the files that are there now can be used.
  bool usable = true;
  // When the own certificate that is in use expires; zero without one.
  std::chrono::system_clock::time_point expires;
  // Whether the log warns of that.
  bool expires_soon = false;
};

// The files that this process watches, one entry each; of several watches of a file the worst. Thread safe.
std::vector<CertificateState> CertificateStates();

}  // namespace smartbatch::tls
