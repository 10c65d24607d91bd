#include "services/tls/certificate_watch.h"
#include "common/sleep.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace smartbatch::tls {
namespace {

using std::chrono::duration_cast;
using std::chrono::hours;
using std::chrono::system_clock;

constexpr std::chrono::seconds kInterval{1};
constexpr hours kDay{24};
constexpr hours kWarnAtMost = 14 * kDay;
constexpr int kWarnShare = 5;

// All watches of the process. Never destroyed, so that a watch may end at any time.
struct Watches {
  Mutex mutex;
  std::vector<CertificateWatch*> all SMARTBATCH_GUARDED_BY(mutex);
};

Watches& AllWatches() {
  static Watches* const watches = new Watches;  // NOLINT(cppcoreguidelines-owning-memory)
  return *watches;
}

const std::string& FileOf(const TlsFiles& files) {
  return files.certificate.empty() ? files.authorities : files.certificate;
}

// The warning that the certificate expires soon; empty while there is enough time.
std::string ExpiryWarning(const TlsFiles& files, const Material& material, system_clock::time_point now) {
  if (material.certificate.empty()) return {};
  const auto left = material.expires - now;
  const auto life = material.expires - material.valid_from;
  if (left > std::min<system_clock::duration>(kWarnAtMost, life / kWarnShare)) return {};
  const char* const remedy = "replace it and its key in place, without a restart";
  if (left <= system_clock::duration::zero()) {
    return fmt::format("TLS: the certificate in '{}' has expired: clients refuse it; {}", files.certificate, remedy);
  }
  const bool days = left > kDay;
  return fmt::format("TLS: the certificate in '{}' expires in less than {} {}; {}", files.certificate,
                     1 + (days ? left / kDay : duration_cast<hours>(left).count()), days ? "days" : "hours", remedy);
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateWatch>> CertificateWatch::Start(TlsFiles files, Changed changed) {
  auto material = ReadFiles(files);
  if (!material.ok()) return material.status();
  if (auto status = Check(files, *material); !status.ok()) return status;
  changed(*material);
  return std::unique_ptr<CertificateWatch>(
      new CertificateWatch(std::move(files), *std::move(material), std::move(changed)));
}

CertificateWatch::CertificateWatch(TlsFiles files, Material material, Changed changed)
    : files_(std::move(files)),
      changed_(std::move(changed)),
      material_(std::move(material)),
      told_certificate_(material_.certificate),
      expires_(material_.expires) {
  Watches& watches = AllWatches();
  {
    const MutexLock lock(watches.mutex);
    watches.all.push_back(this);
  }
  thread_ = std::jthread([this](const std::stop_token& stop) { Run(stop); });
}

CertificateWatch::~CertificateWatch() {
  thread_.request_stop();
  thread_.join();
  Watches& watches = AllWatches();
  const MutexLock lock(watches.mutex);
  watches.all.erase(std::find(watches.all.begin(), watches.all.end(), this));
}

void CertificateWatch::Run(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    SleepFor(kInterval, stop);
    Refresh();
  }
}

// Returns why the files cannot be used; empty if their contents are in use now.
std::string CertificateWatch::Rejection() {
  auto next = ReadFiles(files_);
  if (!next.ok()) return std::string(next.status().message());
  if (next->SameTexts(material_)) return {};
  if (auto status = Check(files_, *next); !status.ok()) return std::string(status.message());
  material_ = *std::move(next);
  changed_(material_);
  return {};
}

void CertificateWatch::Refresh() {
  const MutexLock lock(mutex_);
  const std::string authorities = material_.authorities;
  const std::string found = Rejection();
  // Two files are rarely replaced at the same moment, so an error is reported only if it is found twice.
  const bool holds = found.empty() || found == last_rejection_;
  last_rejection_ = found;
  const std::string expiry = ExpiryWarning(files_, material_, system_clock::now());

  Watches& watches = AllWatches();
  const MutexLock list(watches.mutex);
  const std::string rejection = holds ? found : rejection_;
  // True if no watch has logged this text yet.
  const auto is_news = [](const std::vector<CertificateWatch*>& all, const std::string& text,
                          const std::string CertificateWatch::*said) {
    return !text.empty() &&
           std::none_of(all.begin(), all.end(), [&](const CertificateWatch* watch) { return watch->*said == text; });
  };
  if (is_news(watches.all, rejection, &CertificateWatch::rejection_)) {
    spdlog::warn("TLS: the previous contents of '{}' and the files beside it stay in use: {}", FileOf(files_),
                 rejection);
  }
  if (is_news(watches.all, material_.certificate, &CertificateWatch::told_certificate_)) {
    spdlog::info("TLS: the certificate in '{}' was replaced; new connections use it", files_.certificate);
  }
  if (authorities != material_.authorities) {
    spdlog::info("TLS: the authorities in '{}' were replaced; new connections use them", files_.authorities);
  }
  if (is_news(watches.all, expiry, &CertificateWatch::told_expiry_)) spdlog::warn("{}", expiry);
  rejection_ = rejection;
  told_certificate_ = material_.certificate;
  told_expiry_ = expiry;
  expires_ = material_.expires;
}

std::vector<CertificateState> CertificateStates() {
  std::map<std::string, CertificateState> states;
  Watches& watches = AllWatches();
  const MutexLock lock(watches.mutex);
  for (const CertificateWatch* const watch : watches.all) {
    const auto [found, is_new] = states.try_emplace(
        FileOf(watch->files_), CertificateState{FileOf(watch->files_), true, watch->expires_, false});
    CertificateState& state = found->second;
    state.usable = state.usable && watch->rejection_.empty();
    state.expires = std::min(state.expires, watch->expires_);
    state.expires_soon = state.expires_soon || !watch->told_expiry_.empty();
  }
  std::vector<CertificateState> list;
  list.reserve(states.size());
  for (auto& [file, state] : states) list.push_back(std::move(state));
  return list;
}

}  // namespace smartbatch::tls
