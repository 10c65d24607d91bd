# shellcheck shell=bash
# Every Debian 12 package that the project uses, and how it is installed. Sourced by the scripts; run as a
# program it installs a set: `bash scripts/lib/packages.sh build traces` (deploy/Dockerfile does).

# To configure and build everything.
BUILD_PACKAGES=(
  cmake g++ ninja-build
  grpc-proto libgrpc++-dev libprotobuf-dev protobuf-compiler protobuf-compiler-grpc
  libabsl-dev libboost-dev libcli11-dev libfmt-dev libspdlog-dev nlohmann-json3-dev prometheus-cpp-dev
  libbenchmark-dev libgmock-dev libgtest-dev libssl-dev libsystemd-dev libutf8proc-dev
)
# To build the clang presets, with the runtimes of the sanitizers and of libFuzzer. GNU ld takes four times longer.
CLANG_PACKAGES=(clang-14 libclang-rt-14-dev lld-14)
# For SMARTBATCH_TRACES, from Debian's backports. Programs that are built with it need the second.
TRACES_PACKAGES=(opentelemetry-cpp-dev)
TRACES_LIBRARIES=(opentelemetry-cpp)
# To draw the pictures of a comparison.
PLOT_PACKAGES=(fonts-dejavu-core gnuplot-nox)

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || printf '%s\n' "$package"
  done
}

as_root() {
  if [[ $(id -u) == 0 ]]; then "$@"; else sudo "$@"; fi
}

# Debian's packages start the services that they bring; /usr/sbin/policy-rc.d forbids that, unless there is one already.
without_services() {
  local policy=/usr/sbin/policy-rc.d result=0
  if [[ -e $policy ]]; then
    "$@"
    return
  fi
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod +x "$policy"
  "$@" || result=$?
  as_root rm -f "$policy"
  return "$result"
}

# Installs the packages that are missing; prints nothing unless it fails.
apt_install() {
  local missing log
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -gt 0 ]] || return 0
  printf 'Installing with apt: %s\n' "${missing[*]}" >&2
  log=$(mktemp)
  if ! { as_root apt-get update -q &&
    without_services as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    printf 'apt could not install %s: mend the sources, or install by hand and use --no-install\n' "${missing[*]}" >&2
    return 1
  fi
  rm -f "$log"
}

# python_packages_are_there FOLDER LIST: returns true if FOLDER has exactly what LIST asks for.
python_packages_are_there() { cmp -s "$2" "$1/installed"; }

# install_python_packages FOLDER LIST: what LIST names, with versions and hashes, into FOLDER alone, unless it is there.
install_python_packages() {
  ! python_packages_are_there "$1" "$2" || return 0
  rm -rf "$1"
  python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
    --target "$1" --requirement "$2" || return 1
  cp "$2" "$1/installed"
}

# Adds Debian 12's backports to the sources of apt, which then takes from there what is nowhere else. Only for machines
# that are made for one purpose: a container, CI. The argument is the root of the system that is meant, such as "".
add_backports() {
  printf 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm-backports main\n' |
    as_root tee "$1/etc/apt/sources.list.d/smartbatch-backports.list" >/dev/null
}

install_set() {
  case $1 in
    build) apt_install "${BUILD_PACKAGES[@]}" ;;
    clang) apt_install "${CLANG_PACKAGES[@]}" ;;
    plot) apt_install "${PLOT_PACKAGES[@]}" ;;
    traces)
      add_backports ""
      apt_install "${TRACES_PACKAGES[@]}"
      ;;
    traces-libraries)
      add_backports ""
      apt_install "${TRACES_LIBRARIES[@]}"
      ;;
    *)
      printf 'usage: packages.sh build|clang|plot|traces|traces-libraries...\n' >&2
      exit 2
      ;;
  esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
  set -euo pipefail
  [[ $# -gt 0 ]] || install_set ''
  for set in "$@"; do install_set "$set"; done
fi
