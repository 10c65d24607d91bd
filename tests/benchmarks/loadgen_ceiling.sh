#!/usr/bin/env bash
# loadgen_ceiling.sh BIN [SECONDS]: the limits of loadgen itself, against a server that does nothing: the largest rate
# of closed loops, the cost of a request, and the largest rate at which an open loop keeps its schedule.
set -euo pipefail
bin=${1:?usage: loadgen_ceiling.sh BIN [SECONDS]}
seconds=${2:-10}

work=$(mktemp -d)
server=
trap '[[ -z $server ]] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
"$bin/benchmark-null-server" --listen 127.0.0.1:0 >"$work/out" &
server=$!
for _ in {1..100}; do
  grep -q ready "$work/out" && break
  sleep 0.05
done
address=$(sed -n 's/.*listen=//p' "$work/out")
[[ -n $address ]] || {
  printf 'the null server did not start\n' >&2
  exit 1
}

# measure NAME FLAG...: prints a line. Exit code 3 (result not valid) is accepted.
measure() {
  local name=$1 status=0 summary
  shift
  rm -rf "$work/results"
  "$bin/loadgen" run --target "$address" --admin-target "$address" --seconds "$seconds" --warm-up-seconds 0.5 \
    --results "$work/results" --progress none "$@" >"$work/report" 2>&1 || status=$?
  if [[ $status != 0 && $status != 3 ]]; then
    tail -n 5 "$work/report" >&2
    exit 1
  fi
  summary=$(echo "$work"/results/*_summary.json)
  jq -r --arg name "$name" '
    # A percentile of too few answers is left out.
    def microseconds: if . == null then "-" else (. * 1000 | round) end;
    .workloads[0].strategies[0].all as $all | .generator as $generator |
    [$name, ($all.answered_per_second * 10 | round / 10),
     ($generator.cpu_microseconds_per_request * 10 | round / 10),
     ($all.latency_ms.p50 | microseconds), ($all.latency_ms.p99 | microseconds),
     ($generator.dispatch_delay_ms.p99 | microseconds), (if .valid then "valid" else "INVALID" end)] | @tsv' "$summary"
}

printf 'load\tanswers/s\tCPU us a request\tp50 us\tp99 us\tlate p99 us\t\n'
for connections in 1 4; do
  measure "closed loop, 64 customers, $connections connections" --connections "$connections" \
    --customer 'c-:count=64,think=0s,len=80,sequences=3'
done
for rate in 1000 2000 5000 10000 15000 20000; do
  measure "open loop, $rate/s" --connections 4 --customer "c-:count=10,rate=$((rate / 10)),len=80,sequences=3"
done
