#!/usr/bin/env bash
# docs.sh BIN: what the documents show works. Relative links lead to files, the tables of settings are what the
# programs say, simulations run (with few requests), the pictures of batches are what the drawing code draws, every
# grpcurl and curl command of README.md and docs/OPERATIONS.md, run against the programs in BIN, succeeds, as README.md's
# call from Python does, and the proxy takes the configuration files that are shipped.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=tests/deploy/documents.sh
source "$ROOT/tests/deploy/documents.sh"
[[ $# == 1 ]] || fail "usage: docs.sh BIN"
skip_unless grpcurl
skip_unless curl

cd "$ROOT"
documents=(*.md docs/*.md examples/*.md)
for document in "${documents[@]}"; do
  [[ -f $document ]] || continue
  while read -r link; do
    target=${link%%#*}
    [[ -z $target || $target == http*://* || $target == mailto:* || -e $(dirname "$document")/$target ]] ||
      fail "$document links to $target, which does not exist"
  done < <(grep -oE '\]\([^) ]+' "$document" | sed 's/^](//')
done
printf 'ok   links\n'

scripts/settings --check "$1"
work=$(mktemp)
sed "s/--drain-seconds/--drain-hours/" docs/OPERATIONS.md >"$work"
! scripts/settings --check "$1" "$work" 2>/dev/null || fail "a table that differs from --help is not found"
rm -f "$work"
printf 'ok   the tables of settings are what the programs say\n'

logs=$(mktemp -d)
trap 'stop_servers; rm -rf "$logs"' EXIT
printf 'drain_seconds: 5\n' >"$logs/proxy.textproto"
SMARTBATCH_CONFIG=$logs/proxy.textproto start_servers "$1" "$logs" free

# run_commands DOCUMENT
run_commands() {
  local run=0 command actual output
  while read -r command; do
    # The documents name the default ports; here the servers have others.
    actual=$(sed -E -e "s/(localhost|127\.0\.0\.1):50051/$DATA/g" -e "s/(localhost|127\.0\.0\.1):50052/$ADMIN/g" \
      -e "s/(localhost|127\.0\.0\.1):50061/$BACKEND/g" -e "s/(localhost|127\.0\.0\.1):9464/$PROXY_METRICS/g" \
      -e "s/(localhost|127\.0\.0\.1):9465/$CLASSIFIER_METRICS/g" <<<"$command")
    output=$(bash -euo pipefail -c "$actual" 2>&1) || fail "$1 shows: $command"$'\n'"$output"
    run=$((run + 1))
  done < <(commands "$1" | grep -E '^(grpcurl|curl) ')
  [[ $run -gt 0 ]] || fail "$1 shows no grpcurl or curl command"
  printf 'ok   %d commands of %s\n' "$run" "$1"
}
# A file that is shipped: its own ports may be taken, its paths are those of another machine's.
while read -r file; do
  # Certificates are the machine's own; without them only the file's form can be looked at, which TLS ends.
  ! grep -q '^tls {' "$file" || continue
  (SERVER_PIDS=() && start_server shipped "$logs" "$1/smartbatch-proxy" --config "$file" --listen 127.0.0.1:0 \
    --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 && stop_servers) || fail "the proxy does not take $file"
  printf 'ok   the proxy takes %s\n' "$file"
done < <(git ls-files -co --exclude-standard -- 'deploy/*.textproto')
run_commands README.md
run_commands docs/OPERATIONS.md

# README.md's call from Python, from the repository's root as it says.
python=$ROOT/build/tools/grpcio-tools
if [[ -d $python/grpc_tools ]]; then
  code=$(code_block README.md grpc.protos_and_services)
  answer=$(PYTHONPATH=$python /usr/bin/python3 -c "${code//localhost:50051/$DATA}" 2>&1) || fail "README.md's call from Python: $answer"
  [[ $answer == "code density "* ]] || fail "README.md's call from Python prints: $answer"
  printf 'ok   the call from Python\n'
else
  [[ ${CI-} != true ]] || fail "there is no $python/grpc_tools: scripts/test installs it"
  printf 'left out: the call from Python, since there is no %s\n' "$python"
fi

# run_simulations BIN DOCUMENT: its `loadgen simulate` commands, and what is done with their files, with few requests.
run_simulations() {
  local run=0 command actual output
  while read -r command; do
    actual=$command
    if [[ $actual == loadgen\ simulate* && $actual != *--trace-in* ]]; then
      actual="$(sed -E 's/ --requests [0-9]+//; s/ --progress [a-z]+//' <<<"$command") --requests 2000 --progress none"
    fi
    output=$(cd "$logs" && PATH="$1:$PATH" bash -euo pipefail -c "$actual" 2>&1) || fail "$2 shows: $command"$'\n'"$output"
    run=$((run + 1))
  done < <(commands "$2" | grep -E '^(loadgen simulate|grep) ')
  [[ $run -gt 0 ]] || fail "$2 shows no loadgen simulate command"
  printf 'ok   %d simulations of %s\n' "$run" "$2"
}
bin=$(realpath "$1")
run_simulations "$bin" docs/STRATEGIES.md
run_simulations "$bin" docs/BENCHMARKS.md

# README.md's own trace, in the order in which it is shown.
run=0
while read -r command; do
  output=$(cd "$logs" && bash -euo pipefail -c "${command//build\/release\/bin/$bin}" 2>&1) || fail "README.md shows: $command"$'\n'"$output"
  run=$((run + 1))
done < <(commands README.md | grep -E '^(printf|build/release/bin/loadgen) ')
[[ $run == 2 && -s $logs/batches.html ]] || fail "README.md draws no page of its own trace"
grep -q '^weighted_fair ' <<<"$output" || fail "README.md's own trace is not simulated: $output"
printf 'ok   a trace of one'"'"'s own, simulated and drawn\n'
"$bin/figures" --only 'seedopen 0.5: mean, density / sjf' --requests 20000 --seeds 1 >"$logs/figures" ||
  fail "figures says: $(<"$logs/figures")"
printf 'ok   figures\n'

if command -v node >/dev/null; then
  bash docs/images/batching.sh "$bin/loadgen" "$logs"
  for picture in docs/images/batching_*.svg; do
    cmp -s "$picture" "$logs/$(basename "$picture")" ||
      fail "$picture is not what docs/images/batching.sh draws: run docs/images/batching.sh build/release/bin/loadgen"
  done
  printf 'ok   the pictures of batches are what batching.sh draws\n'
fi

if command -v gnuplot >/dev/null && command -v jq >/dev/null; then
  bash docs/images/latency_by_load.sh "$bin/loadgen" 2000 "$logs"
  [[ -s $logs/latency_by_load.png ]] || fail "latency_by_load.sh draws nothing"
  printf 'ok   latency_by_load.sh\n'
fi
