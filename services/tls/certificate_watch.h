// Certificates that may be replaced while the program runs.
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

// Watches the files of one TLS end. Reads them every second for as long as it lives, and takes over only contents that
// were checked: while the files cannot be used, their previous contents stay in use. It logs once why the files cannot
// be used if that is found twice in a row, it logs that they were replaced, and each day (on the last day each hour)
// that the process's own certificate expires soon. Soon means that a fifth of its life is left, or 14 days if that is
// less. Thread safe.
class CertificateWatch {
 public:
  // Called with the contents in use from now on: at the start and after each change, one call at a time.
  using Changed = std::function<void(const Material& material)>;

  // INVALID_ARGUMENT as CheckFiles, without a call of `changed`.
  static absl::StatusOr<std::unique_ptr<CertificateWatch>> Start(TlsFiles files, Changed changed);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // Reads the files now.
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
  // Guarded by the mutex of the list of all watches: CertificateStates reads them, and several watches of one file log
  // the same text only once.
  std::string rejection_;
  std::string told_certificate_;
  std::string told_expiry_;
  std::chrono::system_clock::time_point expires_;
  std::jthread thread_;
};

struct CertificateState {
  // The path of the process's own certificate or, if it has none, of the authorities.
  std::string file;
  // True if the files as they are now can be used.
  bool usable = true;
  // When the own certificate in use expires; zero if there is none.
  std::chrono::system_clock::time_point expires;
  // True if the log warns of that.
  bool expires_soon = false;
};

// The files that this process watches, one entry for each. If several watches have the same file, the entry is the
// worst of theirs. Thread safe.
std::vector<CertificateState> CertificateStates();

}  // namespace smartbatch::tls
