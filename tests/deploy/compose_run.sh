#!/usr/bin/env bash
# compose_run.sh [--no-build]: the compose file under a real Docker engine, Grafana aside. Everything comes up healthy
# in order; the load generator plays; Prometheus has the proxy's series; `docker-compose stop` drains without losing a
# request; three classifiers answer at least 2.5 times as many requests as one when the classifier is the bottleneck.
# Needs the ports that the compose file publishes. Leaves nothing behind but images.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=tests/deploy/compose_project.sh
source "$ROOT/tests/deploy/compose_project.sh"

up_in_order
locked_up classifier proxy loadgen prometheus
# A control: the check finds the faults of a container with the engine's defaults.
docker run --rm --detach --name "$PROJECT-open" --user root smartbatch:local sleep 60 >/dev/null
faults=$(faults_of "$PROJECT-open")
docker rm --force "$PROJECT-open" >/dev/null
[[ $(wc -l <<<"$faults") == 8 ]] || fail "a container has 8 faults, and these are found: $faults"

becomes 60 1 'sum(smartbatch_requests_total{job="smartbatch-proxy",code="OK"})' ||
  fail "Prometheus has no answered request: $(last_words loadgen)"
answered=$VALUE
becomes 60 3 'sum(up{job=~"smartbatch-.*|loadgen"})' || fail "Prometheus does not scrape proxy, classifier and loadgen"
printf 'ok   loadgen plays and Prometheus has it: %s requests answered so far\n' "$answered"
project stop loadgen >/dev/null 2>&1

stops_without_a_lost_request proxy

# --- One and three classifiers ---
answers_per_second() { jq -r '.workloads[0].strategies[0].all.answered_per_second' "$WORK/$1"/*_summary.json; }
# 200 characters, 40 ms a batch: the classifier is the bottleneck.
callers='c-:count=60,think=0s,len=200,sequences=1'
up classifier proxy
wait_until_healthy proxy
play one "$callers" 20 || fail "loadgen: $(tail -n 5 "$WORK/one.out")"
project stop proxy >/dev/null 2>&1
FILES+=(-f deploy/docker-compose.three-classifiers.yml)
up classifier classifier-b classifier-c proxy prometheus
wait_until_healthy classifier classifier-b classifier-c proxy
locked_up classifier classifier-b classifier-c proxy
play three "$callers" 20 || fail "loadgen: $(tail -n 5 "$WORK/three.out")"
becomes 30 3 'count(up{job="smartbatch-classifier"} == 1)' || fail "Prometheus scrapes ${VALUE:-no} classifiers of 3"
one=$(answers_per_second one) three=$(answers_per_second three)
awk -v one="$one" -v three="$three" 'BEGIN {
  printf "     answers a second: %.1f with one classifier, %.1f with three: %.2f times\n", one, three, three / one
  exit three / one < 2.5
}' || fail "three classifiers answer less than 2.5 times as many requests as one"
printf 'ok   three classifiers answer at least 2.5 times as many\n'
