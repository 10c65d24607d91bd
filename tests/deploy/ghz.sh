#!/usr/bin/env bash
# ghz.sh BIN [SECONDS [PERCENT]]: loadgen compared with an independent load generator. Both run closed loops with 16
# open requests against the same proxy, in turn. Their throughput and median latency must agree within PERCENT (10), and
# loadgen must not cost more processor time a request.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# -ge 1 ]] || fail "usage: ghz.sh BIN [SECONDS [PERCENT]]"
skip_unless ghz
skip_unless jq
bin=$1
seconds=${2:-5}
percent=${3:-10}
rounds=4

work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
start_servers "$bin" "$work" free

# 100 characters: a batch takes 10 ms, so that both wait for the classifier and not for a processor.
text=$(printf 'x%.0s' {1..100})
cpu_seconds() { awk '{ print $1 + $2 }' "$1"; }

run_ghz() {
  local TIMEFORMAT='%U %S'
  { time ghz --insecure --call smartbatch.proxy.v1.ProxyService/ProxyClassify --concurrency 16 --connections 1 \
    --duration "${seconds}s" --duration-stop wait --metadata '{"x-customer-id": "bench"}' \
    --data "{\"sequences\": [\"$text\"]}" --format json --output "$work/ghz.json" "$DATA" 2>"$work/ghz.err"; } 2>"$work/ghz.cpu"
  jq -r --argjson cpu "$(cpu_seconds "$work/ghz.cpu")" '
    [.rps, (.latencyDistribution[] | select(.percentage == 50) | .latency / 1e6), $cpu * 1e6 / .count] | @tsv' \
    "$work/ghz.json"
}

run_loadgen() {
  rm -rf "$work/results"
  "$bin/loadgen" run --target "$DATA" --admin-target "$ADMIN" --customer 'bench-:count=16,think=0s,len=100,sequences=1' \
    --seconds "$seconds" --warm-up-seconds 0 --max-dispatch-delay-ms 1000 --results "$work/results" --progress none \
    >"$work/loadgen.out" 2>&1 || fail "loadgen failed: $(tail -n 3 "$work/loadgen.out")"
  jq -r '[.workloads[0].strategies[0].all.answered_per_second, .workloads[0].strategies[0].all.latency_ms.p50,
    .generator.cpu_microseconds_per_request] | @tsv' "$work"/results/*_summary.json
}

"$bin/loadgen" strategy set fcfs --param linger_ms=0 --admin-target "$ADMIN" >/dev/null
for ((round = 0; round < rounds; round++)); do
  run_ghz >>"$work/ghz.tsv"
  run_loadgen >>"$work/loadgen.tsv"
done
printf 'program\tanswers/s\tp50 ms\tCPU us a request\n'
sed 's/^/ghz\t/' "$work/ghz.tsv"
sed 's/^/loadgen\t/' "$work/loadgen.tsv"

# The means over the rounds, side by side.
paste <(awk '{ for (i = 1; i <= 3; i++) s[i] += $i } END { print s[1] / NR, s[2] / NR, s[3] / NR }' "$work/ghz.tsv") \
  <(awk '{ for (i = 1; i <= 3; i++) s[i] += $i } END { print s[1] / NR, s[2] / NR, s[3] / NR }' "$work/loadgen.tsv") |
  awk -v most="$percent" '
    function apart(a, b) { return a > b ? a / b - 1 : b / a - 1 }
    { printf "loadgen to ghz: answers/s %+.1f %%, p50 %+.1f %%, CPU a request %.2f times\n",
        100 * ($4 / $1 - 1), 100 * ($5 / $2 - 1), $6 / $3
      exit 100 * apart($1, $4) > most || 100 * apart($2, $5) > most || $6 > $3 }' ||
  fail "they differ by more than $percent %, or loadgen costs more"
printf 'ok   loadgen and ghz agree\n'
