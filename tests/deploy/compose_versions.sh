# shellcheck shell=bash
# Sourced after skip.sh: COMPOSES, each Compose that is installed, as a command in words. Debian 12's own is 1.29, a program
# (docker-compose); since version 2 it is a plug-in of Docker's client (docker compose), which scripts/test installs below
# build/tools, since Debian 12 has none. Ends with 77 where there is none.

COMPOSES=()
if docker-compose version --short 2>/dev/null | grep '^1\.' >/dev/null; then COMPOSES+=(docker-compose); fi
if [[ -x $ROOT/build/tools/docker/cli-plugins/docker-compose ]]; then
  COMPOSES+=("$ROOT/build/tools/docker/cli-plugins/docker-compose")
elif docker compose version >/dev/null 2>&1; then
  COMPOSES+=('docker compose')
fi
[[ ${#COMPOSES[@]} -gt 0 ]] || skip_unless docker-compose
