#!/usr/bin/env bash
# pages.sh BIN [FOLDER]: the proxy's live page under load, and the pages that loadgen writes, in Debian's chromium
# (scripts/checks/browser/pages.mjs): elements, numbers compared with GetStatus, no error in the console, nothing loaded
# from elsewhere, names that are markup. The pictures are left in FOLDER.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# -ge 1 ]] || fail "usage: pages.sh BIN [FOLDER]"
skip_unless chromium
skip_unless node
skip_unless grpcurl
skip_unless jq
[[ -d $ROOT/scripts/checks/browser/node_modules ]] || {
  printf 'skipped: npm ci --prefix scripts/checks/browser has not been run\n' >&2
  exit 77
}
bin=$1
look=(node "$ROOT/scripts/checks/browser/pages.mjs")
work=$(mktemp -d)
folder=${2:-$work/pictures}
trap 'stop_servers; rm -rf "$work"' EXIT

# Loads the proxy for N seconds, and then asks for its status.
load() {
  "$bin/loadgen" run --target "$DATA" --admin-target "$ADMIN" --workload eight-and-eight --seconds "$1" --warm-up-seconds 0 \
    --results "$work/results" --progress none >"$work/loadgen.out" 2>&1 || true # a busy machine makes its figures invalid
  grpcurl -plaintext "$ADMIN" smartbatch.proxy.v1.AdminService/GetStatus >"$work/status.json"
}
start_servers "$bin" "$work" free
for screen in light dark phone; do
  load 5
  "${look[@]}" live "http://$PROXY_METRICS/" "$work/status.json" "$screen" "$folder"
done
jq '.outcomes.answered = "1"' "$work/status.json" >"$work/wrong.json"
! "${look[@]}" live "http://$PROXY_METRICS/" "$work/wrong.json" light "$work" 2>"$work/wrong" || fail "a wrong number is not found"
grep -q 'answered is .*GetStatus says 1$' "$work/wrong" || fail "a wrong number is not found: $(<"$work/wrong")"
load 3
"${look[@]}" hostile "http://$PROXY_METRICS/"

"$bin/loadgen" simulate --workload seedopen --rho 0.6 --requests 5000 --strategies fcfs,density --html "$work/both.html" \
  --progress none >"$work/simulate.out"
"${look[@]}" charts "$work/both.html" "$folder"
