#!/usr/bin/env bash
# traces.sh BIN: a real OpenTelemetry Collector takes the traces of the programs in BIN. Callers that send a traceparent
# find their requests below their own spans, each linked to the batch that carried it, at the right times; a caller that
# is not sampled finds nothing. The proxy serves while the Collector hangs, and stops in time.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: traces.sh BIN"
bin=$1
skip_unless traces-collector
skip_unless grpcurl
skip_unless python3
ldd "$bin/smartbatch-proxy" | grep libopentelemetry_trace >/dev/null || {
  printf 'skipped: the proxy was built without SMARTBATCH_TRACES\n' >&2
  exit 77
}

work=$(mktemp -d)
collector=
finish() {
  stop_servers
  [[ -z $collector ]] || { kill -CONT "$collector"; kill "$collector"; wait "$collector"; } 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/collector.yaml" <<EOF
receivers:
  otlp: {protocols: {http: {endpoint: "127.0.0.1:$port"}}}
exporters:
  file: {path: "$work/spans.jsonl"}
service:
  telemetry: {metrics: {level: none}}
  pipelines:
    traces: {receivers: [otlp], exporters: [file]}
EOF
traces-collector --config "$work/collector.yaml" >"$work/collector.log" 2>&1 &
collector=$!
for _ in {1..100}; do
  port_is_taken "$port" && break
  kill -0 "$collector" 2>/dev/null || fail "the Collector ended: $(tail -n 5 "$work/collector.log")"
  sleep 0.1
done
export SMARTBATCH_TRACE_ENDPOINT=http://127.0.0.1:$port/v1/traces
start_servers "$bin" "$work" free

# call TRACEPARENT TEXT...: one request.
call() {
  local parent=$1 texts
  shift
  texts=$(printf ', "%s"' "$@")
  grpcurl -plaintext -H "traceparent: $parent" -H 'x-customer-id: alice' -H 'x-request-id: order-7' \
    -d "{\"sequences\": [${texts:2}]}" "$DATA" smartbatch.proxy.v1.ProxyService/ProxyClassify >>"$work/answers"
}
trace_of() { printf '%032x' "$((0xabc000 + $1))"; }
# 200 characters take the classifier 40 ms, so that those that come meanwhile share a batch.
long=$(printf 'secret%.0s' {1..33})xx
began=$(date +%s%N)
callers=()
for i in {1..12}; do
  call "00-$(trace_of "$i")-00000000000000$(printf '%02x' "$i")-01" "$long" "short" &
  callers+=($!)
done
for caller in "${callers[@]}"; do wait "$caller" || fail "a call failed"; done
call "00-$(trace_of 99)-0000000000000063-00" "not sampled"
ended=$(date +%s%N)
kill -TERM "${SERVER_PIDS[1]}" # the proxy: what waits to be sent is sent now
wait "${SERVER_PIDS[1]}" || fail "the proxy did not stop well: $(tail -n 5 "$work/proxy.log")"
for _ in {1..50}; do
  grep -q . "$work/spans.jsonl" && break
  sleep 0.1
done
stop_servers
sleep 1.5 # the Collector writes once a second
python3 "$ROOT/tests/deploy/traces/check.py" "$work/spans.jsonl" "$began" "$ended" "$BACKEND" ||
  fail "the Collector has: $(head -c 3000 "$work/spans.jsonl")"

# A Collector that takes connections and answers nothing.
kill -STOP "$collector"
start_servers "$bin" "$work" free
for i in {1..20}; do call "00-$(trace_of "$i")-00000000000000aa-01" "short" || fail "a call failed while the Collector hung"; done
began=$(date +%s%N)
kill -TERM "${SERVER_PIDS[1]}"
wait "${SERVER_PIDS[1]}" || fail "the proxy did not stop well: $(tail -n 5 "$work/proxy.log")"
took=$((($(date +%s%N) - began) / 1000000))
[[ $took -lt 6000 ]] || fail "the proxy took $took ms to stop while the Collector hung"
printf 'ok   serves while the Collector hangs, stops within %d ms\n' "$took"
kill -CONT "$collector"
