#!/usr/bin/env bash
# monitoring.sh BIN [--draw [FOLDER]]: Debian's Prometheus scrapes the programs in BIN for a minute under load, with two switches of the
# strategy and a customer that is refused. Then every query of every panel and every rule is asked: each must return
# data, name only series that exist, and have the labels of its legend (scripts/checks/monitoring.mjs); and docs/OPERATIONS.md's
# path to the better strategy for a customer is walked (scripts/checks/newcomer.mjs). With --draw both boards are drawn with
# Grafana's own components, too (scripts/checks/browser/dashboards.mjs), and their pictures left in FOLDER.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 || ${2-} == --draw ]] || fail "usage: monitoring.sh BIN [--draw [FOLDER]]"
skip_unless prometheus
skip_unless promtool
skip_unless node
skip_unless curl
bin=$1
readonly SECONDS_OF_LOAD=60

work=$(mktemp -d)
started=() # what is to be ended besides the servers
finish() {
  local pid
  for pid in "${started[@]}"; do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  stop_servers
  rm -rf "$work"
}
trap finish EXIT

free_port() { node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); })'; }

# --- The programs ---
cat >"$work/proxy.textproto" <<'END'
strategy { name: "fcfs" }
latency_objective_ms: 500
customers { name: "A" weight: 2 latency_objective_ms: 250 }
customers { name: "refused" max_queued_requests: 1 }
END
SMARTBATCH_CONFIG=$work/proxy.textproto start_servers "$bin" "$work" free

# --- Prometheus ---
targets() { printf '  - {job_name: %s, static_configs: [{targets: ["%s"]}]}\n' "$1" "$2"; }
load_metrics=127.0.0.1:$(free_port)
plays_metrics=no
if [[ $("$bin/loadgen" run --help) == *--metrics-listen* ]]; then plays_metrics=yes; fi
{
  printf 'global: {scrape_interval: 1s, evaluation_interval: 1s}\n'
  printf 'rule_files: [%s/deploy/prometheus/rules/*.yml]\n' "$ROOT"
  printf 'scrape_configs:\n'
  targets smartbatch-proxy "$PROXY_METRICS"
  targets smartbatch-classifier "$CLASSIFIER_METRICS"
  [[ $plays_metrics == no ]] || targets loadgen "$load_metrics"
} >"$work/prometheus.yml"
promtool check config "$work/prometheus.yml" >"$work/promtool.out" 2>&1 || fail "promtool: $(<"$work/promtool.out")"
prometheus=127.0.0.1:$(free_port)
prometheus --config.file="$work/prometheus.yml" --storage.tsdb.path="$work/tsdb" --web.listen-address="$prometheus" \
  --log.level=warn >"$work/prometheus.log" 2>&1 &
started+=($!)
for _ in {1..100}; do
  curl -sf "http://$prometheus/-/ready" >/dev/null && break
  sleep 0.1
done
curl -sf "http://$prometheus/-/ready" >/dev/null || fail "Prometheus did not start: $(tail -n 5 "$work/prometheus.log")"

# --- The load ---
play=("$bin/loadgen" run --target "$DATA" --admin-target "$ADMIN" --workload two-customers --seconds "$SECONDS_OF_LOAD"
  --warm-up-seconds 0 --results "$work/results" --progress none)
[[ $plays_metrics == no ]] || play+=(--metrics-listen "$load_metrics")
"${play[@]}" >"$work/loadgen.out" 2>&1 &
load=$! load_started=$SECONDS
# second_of_load N: waits for it, however long what came before took.
second_of_load() { while [[ $((SECONDS - load_started)) -lt $1 ]]; do sleep 0.2; done; }
started+=("$load")
for _ in {1..300}; do
  curl -sf "http://$PROXY_METRICS/metrics" >"$work/metrics" || fail "the proxy does not answer the scrape"
  grep -q '^smartbatch_requests_total{code="OK",customer="B",.*} [1-9]' "$work/metrics" && break
  sleep 0.1
done
# A customer that may have one request in the queue sends a hundred a second.
"$bin/loadgen" run --target "$DATA" --admin-target "$ADMIN" --customer refused:rate=100,len=100 --seconds 2 \
  --warm-up-seconds 0 --results "$work/refused" --progress none >"$work/refused.out" 2>&1 || true # most are refused
curl -sf "http://$PROXY_METRICS/metrics" >"$work/metrics" || fail "the proxy does not answer the scrape"
grep -q '^smartbatch_rejected_total{customer="refused",reason="customer_queue_full"} [1-9]' "$work/metrics" ||
  fail "the customer refused was never refused: $(tail -n 5 "$work/refused.out")"
second_of_load $((SECONDS_OF_LOAD / 3))
"$bin/loadgen" strategy set sjf --admin-target "$ADMIN" >/dev/null
second_of_load $((SECONDS_OF_LOAD * 2 / 3))
"$bin/loadgen" strategy set fair --admin-target "$ADMIN" >/dev/null
# Before the load has ended, so that its last samples are not stale yet.
second_of_load $((SECONDS_OF_LOAD - 4))
asked=$(($(date +%s) - 1))
kill -0 "$load" 2>/dev/null || fail "the load ended early: $(tail -n 5 "$work/loadgen.out")"

# --- The questions ---
for address in "$PROXY_METRICS" "$CLASSIFIER_METRICS"; do
  said=$(curl -sf "http://$address/metrics" | promtool check metrics 2>&1) || fail "promtool check metrics: $said"
  [[ -z $said ]] || fail "promtool check metrics: $said"
done
printf 'ok   promtool has nothing to say on the live metrics\n'
ignored=()
if [[ $plays_metrics == no ]]; then
  printf 'NOT CHECKED: the row of the load generator, which cannot serve metrics yet\n' >&2
  ignored=(--without loadgen_)
fi
node "$ROOT/scripts/checks/monitoring.mjs" "http://$prometheus" "${ignored[@]}"
node "$ROOT/scripts/checks/newcomer.mjs" "http://$prometheus"
[[ ${2-} != --draw ]] || node "$ROOT/scripts/checks/browser/dashboards.mjs" "http://$prometheus" "$asked" ${3:+"$3"}
