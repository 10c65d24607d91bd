# shellcheck shell=bash
# What scripts/demo and scripts/test share: messages, installing, building, starting the servers. Sourced.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# The folder that holds a build folder for each preset.
BUILD_ROOT=${SMARTBATCH_BUILD_ROOT:-$ROOT/build}
INSTALL=yes
# shellcheck source=scripts/lib/packages.sh
source "$ROOT/scripts/lib/packages.sh"

say() { printf '%s\n' "$*" >&2; }
heading() { printf '\n==> %s\n' "$*" >&2; }
die() {
  say "$(basename "$0"): $*"
  exit 1
}
usage_error() {
  say "$(basename "$0"): $*; see --help"
  exit 2
}
have() { command -v "$1" >/dev/null 2>&1; }

# Installs Debian packages, or with --no-install says what is missing and fails.
need_packages() {
  local missing
  if [[ $INSTALL == yes ]]; then
    apt_install "$@"
    return
  fi
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} == 0 ]] || {
    say "missing packages: ${missing[*]} (install them, or leave out --no-install)"
    return 1
  }
}

# build PRESET [TARGET...]: configures and builds in $BUILD_ROOT/PRESET, through ccache if that is installed. In CI with
# SMARTBATCH_TRACES, for which it adds Debian's backports; elsewhere as the folder was configured before.
build() {
  local preset=$1 options=()
  shift
  if [[ ${CI-} == true ]]; then
    install_set traces || return 1
    options=(-DSMARTBATCH_TRACES=ON)
  fi
  if have ccache; then
    export CMAKE_C_COMPILER_LAUNCHER=${CMAKE_C_COMPILER_LAUNCHER-ccache}
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
    # Another clone can use what this one compiled.
    export CCACHE_BASEDIR=${CCACHE_BASEDIR-$ROOT} CCACHE_NOHASHDIR=1
  fi
  (cd "$ROOT" && cmake --preset "$preset" "${options[@]}" -B "$BUILD_ROOT/$preset" >"$BUILD_ROOT/$preset-configure.log" 2>&1) || {
    tail -n 30 "$BUILD_ROOT/$preset-configure.log" >&2
    say "cmake could not configure; the whole output: $BUILD_ROOT/$preset-configure.log"
    return 1
  }
  ninja -C "$BUILD_ROOT/$preset" -j "$(nproc)" "$@"
}

elapsed() { printf '%d min %02d s' $(($1 / 60)) $(($1 % 60)); }
