#!/usr/bin/env bash
# packages.sh BUILD: the Debian package, made of what is built in BUILD (the folder of a preset). Lintian finds no
# fault, and the manual pages name every flag. Then the package is installed, reloaded, upgraded under load without
# losing or refusing a request, removed and purged, on a Debian 12 that runs in a container under its own systemd, with
# no network but its loopback. Needs root.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/packages.sh
source "$ROOT/scripts/lib/packages.sh"
[[ $# == 1 ]] || fail "usage: packages.sh BUILD"
build=$(realpath "$1")
for tool in cpack dpkg-deb lintian debootstrap systemd-nspawn nsenter; do skip_unless "$tool"; done
[[ $(id -u) == 0 ]] || {
  printf 'skipped: only root can start a container\n' >&2
  exit 77
}

work=$(mktemp -d)
container=
finish() {
  if [[ -n $container ]]; then
    kill -TERM "$container" 2>/dev/null || true
    for _ in {1..100}; do
      kill -0 "$container" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$container" 2>/dev/null || true
    wait "$container" 2>/dev/null || true
  fi
  rm -rf --one-file-system "$work"
}
trap finish EXIT

# --- The package ---
DESTDIR=$work/installed cmake --install "$build" --prefix /usr/local >/dev/null
for file in bin/smartbatch-proxy bin/smartbatch-classifier bin/loadgen share/bash-completion/completions/loadgen \
  share/man/man8/smartbatch-proxy.8.gz share/man/man8/smartbatch-classifier.8.gz share/man/man1/loadgen.1.gz; do
  [[ -e $work/installed/usr/local/$file ]] || fail "cmake --install leaves out $file"
done
[[ ! -e $work/installed/etc && ! -e $work/installed/lib ]] || fail "cmake --install writes beyond its prefix"
for program in smartbatch-proxy smartbatch-classifier loadgen; do
  page=$(zcat "$work"/installed/usr/local/share/man/man?/"$program".?.gz | sed 's/\\-/-/g; s/\\f.//g')
  while read -r flag; do
    grep -q -- "$flag" <<<"$page" || fail "the manual page of $program does not name $flag"
  done < <("$work/installed/usr/local/bin/$program" --help | grep -oE '^  .*--[a-z-]+' | grep -oE -- '--[a-z-]+')
done
printf 'ok   cmake --install, manual pages\n'

make_package() { # make_package VERSION: prints its path
  (cd "$build" && cpack -G DEB -D CPACK_PACKAGE_VERSION="$1" -B "$work/packages" >"$work/cpack.log" 2>&1) ||
    fail "cpack: $(tail -n 5 "$work/cpack.log")"
  printf '%s\n' "$work"/packages/smartbatch_"$1"_*.deb
}
version=$("$build/bin/smartbatch-proxy" --version)
package=$(make_package "$version")
next_version=$version+next
next_package=$(make_package "$next_version")
lintian --allow-root --fail-on error,warning "$package" || fail "lintian finds faults"
printf 'ok   lintian\n'

# --- A machine ---
# It has everything that the package depends on, so that it needs no network. It is kept beside the build.
mapfile -t libraries < <(dpkg-deb -f "$package" Depends | tr ',' '\n' | sed 's/(.*//; s/ //g')
base=$(dirname "$build")/package-machine-$(md5sum <<<"${libraries[*]}" | cut -c 1-8).tar
if [[ ! -s $base ]]; then
  debootstrap --variant=minbase --include=ca-certificates,dbus,systemd-sysv bookworm "$work/machine" \
    >"$work/debootstrap.log" 2>&1 || fail "debootstrap: $(tail -n 5 "$work/debootstrap.log")"
  cp /etc/apt/sources.list.d/*.sources "$work/machine/etc/apt/sources.list.d/" 2>/dev/null || true
  # The library of traces, if the programs were built with them.
  if [[ " ${libraries[*]} " == *" opentelemetry-cpp "* ]]; then add_backports "$work/machine"; fi
  chroot "$work/machine" sh -c "apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
    --no-install-recommends ${libraries[*]} && apt-get clean" >"$work/apt.log" 2>&1 || fail "apt: $(tail -n 5 "$work/apt.log")"
  tar -C "$work/machine" -cf "$base.part" . && mv "$base.part" "$base"
  rm -rf --one-file-system "$work/machine"
fi
mkdir "$work/machine"
tar -C "$work/machine" -xf "$base"
cp "$package" "$next_package" "$work/machine/root/"

systemd-nspawn --directory="$work/machine" --boot --private-network --register=no --keep-unit --console=pipe \
  </dev/null >"$work/console.log" 2>&1 &
container=$!
leader=
for _ in {1..100}; do
  leader=$(pgrep -P "$container" -f systemd | head -n 1) && break
  kill -0 "$container" 2>/dev/null || fail "the container ended: $(tail -n 5 "$work/console.log")"
  sleep 0.1
done
inside() { nsenter --target "$leader" --all -- env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive "$@"; }
for _ in {1..100}; do
  case $(inside systemctl is-system-running 2>/dev/null || true) in
    running | degraded) break ;;
  esac
  sleep 0.2
done
inside systemctl is-system-running 2>&1 | grep -E 'running|degraded' >/dev/null || fail "systemd did not start: $(tail -n 5 "$work/console.log")"

units=(smartbatch-proxy smartbatch-classifier)
apt_get() { inside apt-get -q -y --no-install-recommends "$@" >"$work/apt.log" 2>&1 || fail "apt-get $*: $(tail -n 8 "$work/apt.log")"; }
is_answered() {
  local answer
  for _ in {1..50}; do
    answer=$(inside sh -c 'printf "def foo(): pass\n" | tee /tmp/text >/dev/null; loadgen classify /tmp/text' 2>&1) &&
      grep -q code <<<"$answer" && return
    sleep 0.2
  done
  fail "no answer $1: $answer; $(inside journalctl -q -n 10 -u smartbatch-proxy)"
}
are_active() {
  local unit
  for unit in "${units[@]}"; do
    [[ $(inside systemctl is-active "$unit") == active ]] ||
      fail "$unit is not active $1: $(inside journalctl -q -n 10 -u "$unit")"
  done
}
# metric NAME: its value; the machine has no curl.
metric() {
  inside bash -c "exec 3<>/dev/tcp/127.0.0.1/9464; printf 'GET /metrics HTTP/1.0\r\n\r\n' >&3; cat <&3" |
    sed -n "s/^$1 //p" | tr -d '\r'
}

# --- Installed and started ---
apt_get install "/root/${package##*/}"
are_active "after the installation"
is_answered "after the installation"
for unit in "${units[@]}"; do
  inside systemctl is-enabled --quiet "$unit" || fail "$unit is not enabled"
  [[ $(inside systemctl is-active "$unit.socket") == active ]] || fail "$unit.socket is not active"
  user=$(inside stat --format=%u "/proc/$(inside systemctl show --property=MainPID --value "$unit")")
  [[ $user -ge 61184 ]] || fail "$unit runs as user $user, which is not a dynamic user of systemd"
  said=$(inside systemd-analyze verify --man=no "$unit.service" 2>&1) || fail "systemd-analyze verify: $said"
  [[ -z $said ]] || fail "systemd-analyze verify: $said"
  inside systemd-analyze security --no-pager --threshold=20 "$unit.service" >"$work/security" 2>&1 ||
    fail "$unit is exposed: $(tail -n 1 "$work/security")"
  grep -oE 'Overall exposure level.*[0-9.]+ [A-Z]+' "$work/security" | sed "s/^/     $unit: /"
done
printf 'ok   installed, started, answers\n'

# --- Reloaded ---
settings=/etc/smartbatch/proxy.textproto
inside sed -i 's/^drain_seconds: 20$/drain_seconds: 15/' "$settings"
inside systemctl reload smartbatch-proxy
for _ in {1..50}; do
  inside journalctl -q -u smartbatch-proxy | grep 'drain_seconds.*15' >/dev/null && break
  sleep 0.1
done
inside journalctl -q -u smartbatch-proxy | grep 'drain_seconds.*15' >/dev/null || fail "the reload took nothing over"
[[ $(metric smartbatch_config_last_reload_successful) == 1 ]] || fail "the reload was not successful"
are_active "after a reload"
printf 'ok   reloaded\n'

# --- Upgraded, with requests under way ---
inside sh -c "loadgen run --customer 'a-:count=4,think=20ms,len=100,sequences=1' --seconds 8 --warm-up-seconds 0 \
  --results /tmp/results --progress none >/tmp/load.out 2>&1" &
load=$!
sleep 2
apt_get install "/root/${next_package##*/}"
# shellcheck disable=SC2016 # dpkg's
[[ $(inside dpkg-query -W -f='${Version}' smartbatch) == "$next_version" ]] || fail "the upgrade did not take place"
are_active "after the upgrade"
is_answered "after the upgrade"
inside grep -q '^drain_seconds: 15$' "$settings" || fail "the upgrade threw the administrator's settings away"
wait "$load" || true # latencies do not matter here
codes=$(inside sh -c "cut -d, -f11 /tmp/results/*_requests.csv | sort | uniq -c")
# The sockets stay open during the restart, so that callers wait for the new version. loadgen retries nothing, so a
# request that was about to use the old connection may fail as UNAVAILABLE.
! grep -vE ' (OK|UNAVAILABLE|code)$' <<<"$codes" || fail "the upgrade ended requests with a code other than UNAVAILABLE: $codes"
refused=$(inside sh -c 'grep -h UNAVAILABLE /tmp/results/*_summary.txt' | grep -v 'GOAWAY received' || true)
[[ -z $refused ]] || fail "the upgrade refused or lost requests: $refused"
grep -q ' OK$' <<<"$codes" || fail "the load was not answered: $codes"
printf 'ok   upgraded, with%s\n' "$(grep -v code <<<"$codes" | tr -s ' \n' ' ')"

# --- Removed ---
apt_get remove smartbatch
for unit in "${units[@]}" "${units[@]/%/.socket}"; do
  [[ $(inside systemctl is-active "$unit" || true) == inactive ]] || fail "$unit still runs after the removal"
done
inside test ! -e /usr/bin/smartbatch-proxy || fail "the program is left"
inside test -e "$settings" || fail "the removal took the settings with it"
apt_get purge smartbatch
inside sh -c 'test ! -e /etc/smartbatch && test ! -e /var/lib/smartbatch-proxy' || fail "the purge left something"
inside sh -c 'ls /etc/systemd/system/*/smartbatch* 2>/dev/null' && fail "the purge left links to units"
printf 'ok   removed, purged\n'
