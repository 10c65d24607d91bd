#!/usr/bin/env bash
# compose_run.sh [--no-build]: the compose file under a real Docker engine, Grafana aside. Everything comes up healthy
# in order; the load generator plays; Prometheus has the proxy's series; `docker-compose stop` drains without losing a
# request; three classifiers answer at least 2.5 times as many requests as one where the classifier is what all wait for.
# With --no-build the images smartbatch:local and smartbatch-loadgen:local are taken as they are.
# Needs the ports that the compose file publishes. Leaves nothing behind but images.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
skip_unless docker
skip_unless jq
skip_unless curl
docker info >/dev/null 2>&1 || {
  printf 'skipped: there is no Docker engine\n' >&2
  exit 77
}
if command -v docker-compose >/dev/null 2>&1; then
  compose=(docker-compose)
else
  docker compose version >/dev/null 2>&1 || skip_unless docker-compose
  compose=(docker compose)
fi
build=(--build)
if [[ ${1-} == --no-build ]]; then build=(--no-build); fi

cd "$ROOT"
project=smartbatch-test-$$
work=$(mktemp -d)
single=("${compose[@]}" --project-name "$project" -f deploy/docker-compose.yml)
three=("${single[@]}" -f deploy/docker-compose.three-classifiers.yml)
finish() {
  "${three[@]}" down --volumes --timeout 60 >"$work/down.log" 2>&1 || cat "$work/down.log" >&2
  rm -rf "$work"
}
trap finish EXIT

container() { docker ps -aq --filter "label=com.docker.compose.project=$project" --filter "label=com.docker.compose.service=$1"; }
# inspect SERVICE FORMAT
inspect() { docker inspect --format "$2" "$(container "$1")"; }
seconds_of() { date -d "$1" +%s.%N; }
# The first time at which the health check of a service succeeded.
first_healthy() { inspect "$1" '{{json .State.Health.Log}}' | jq -r 'map(select(.ExitCode == 0))[0].End // empty'; }
is_healthy() { [[ $(inspect "$1" '{{.State.Health.Status}}' 2>/dev/null) == healthy ]]; }
wait_until_healthy() {
  local service
  for service in "$@"; do
    for _ in {1..120}; do
      is_healthy "$service" && continue 2
      sleep 1
    done
    fail "$service is not healthy: $(docker logs --tail 5 "$(container "$service")" 2>&1)"
  done
}
up() {
  local form=$1
  shift
  local -n command=$form
  "${command[@]}" up --detach "${build[@]}" "$@" >"$work/up.log" 2>&1 || fail "up: $(tail -n 10 "$work/up.log")"
}

# play NAME CUSTOMER SECONDS: the load generator in a container of its own beside the others; its results in $work/NAME.
play() {
  mkdir -p "$work/$1"
  chmod 777 "$work/$1"
  docker run --rm --name "$project-$1" --network "${project}_default" --volume "$work/$1:/results" \
    --volume "$ROOT/deploy/development-admin-token:/token:ro" smartbatch-loadgen:local \
    loadgen run --target proxy:50051 --admin-target proxy:50052 --token-file /token \
    --customer "$2" --seconds "$3" --warm-up-seconds 0 --max-dispatch-delay-ms 1000 --results /results --progress none >"$work/$1.out" 2>&1
}
answers_per_second() { jq -r '.workloads[0].strategies[0].all.answered_per_second' "$work/$1"/*_summary.json; }

# --- Up, in order ---
up single classifier proxy loadgen prometheus
wait_until_healthy classifier proxy prometheus
earlier() { awk -v a="$(seconds_of "$1")" -v b="$(seconds_of "$2")" 'BEGIN { exit !(a <= b) }'; }
earlier "$(first_healthy classifier)" "$(inspect proxy '{{.State.StartedAt}}')" || fail "the proxy began before the classifier was healthy"
for service in loadgen prometheus; do
  earlier "$(first_healthy proxy)" "$(inspect "$service" '{{.State.StartedAt}}')" || fail "$service began before the proxy was healthy"
done
printf 'ok   healthy in order: classifier, proxy, then loadgen and prometheus\n'

for service in classifier proxy loadgen; do
  [[ $(inspect "$service" '{{.Config.User}} {{.HostConfig.ReadonlyRootfs}}') == '10001:10001 true' ]] || fail "$service is not locked up"
  docker exec "$(container "$service")" sh -c 'touch /usr/bin/x 2>/dev/null' && fail "$service can write to its image"
done
printf 'ok   no root, nothing to write to\n'

# --- Load and its series ---
ask() { curl -sf "http://127.0.0.1:9090/api/v1/query" --data-urlencode "query=$1" | jq -r '.data.result[0].value[1] // empty'; }
for _ in {1..60}; do
  answered=$(ask 'sum(smartbatch_requests_total{job="smartbatch-proxy",code="OK"})' || true)
  ups=$(ask 'sum(up{job=~"smartbatch-.*|loadgen"})' || true)
  [[ ${answered%%.*} -gt 0 && ${ups:-0} -ge 3 ]] 2>/dev/null && break
  sleep 1
done
[[ ${answered%%.*} -gt 0 ]] || fail "Prometheus knows of no answered request: $(docker logs --tail 5 "$(container loadgen)" 2>&1)"
[[ $ups -ge 3 ]] || fail "Prometheus does not scrape proxy, classifier and loadgen"
printf 'ok   loadgen plays and Prometheus has it: %s requests answered so far\n' "$answered"
"${single[@]}" stop loadgen >/dev/null 2>&1

# --- Stopped under load ---
# 16 callers that send again 50 ms after each answer; a batch takes 90 ms, so some always wait.
play drained 'a-:count=16,think=50ms,len=300,sequences=1' 14 &
player=$!
sleep 7
began=$SECONDS
"${single[@]}" stop proxy >/dev/null 2>&1
[[ $(inspect proxy '{{.State.ExitCode}}') == 0 ]] || fail "the proxy was killed: $(docker logs --tail 5 "$(container proxy)" 2>&1)"
printf '     stopped within %d s\n' $((SECONDS - began))
wait "$player" || true # the refused ones are told by its exit code
# The stop is one cut in time: what was sent before the first refusal was answered, whatever waited; nothing after it was.
# shellcheck disable=SC2016 # awk's
awk -F, '
  NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
  {
    sent = $column["sent_ms"]; done = $column["done_ms"]; code = $column["code"]; rows++
    if (code == "OK") { sent_ok[++ok] = sent; done_ok[ok] = done }
    else { other[code]++; if (first == "" || sent < first) first = sent }
  }
  END {
    if (first == "") { print "nothing was refused: the proxy was not stopped under load"; exit 1 }
    for (i = 1; i <= ok; i++) { if (sent_ok[i] > first + 20) late++; if (done_ok[i] > first) drained++ }
    printf "     %d answered, %d of them while it drained;", ok, drained
    for (code in other) printf " %d %s,", other[code], code
    printf " the first %.1f s after the start; %d answered that were sent after it\n", first / 1000, late
    for (code in other) if (code != "UNAVAILABLE") { print "a request ended as " code; bad = 1 }
    exit bad || late > 0 || drained == 0
  }' "$work"/drained/*_requests.csv || fail "a request that was there when the proxy stopped was lost"
printf 'ok   stop drains without a lost request\n'

# --- One and three classifiers ---
# 200 characters, 40 ms a batch: the classifier is what everybody waits for.
callers='c-:count=60,think=0s,len=200,sequences=1'
up single classifier proxy
wait_until_healthy proxy
play one "$callers" 20 || fail "loadgen: $(tail -n 5 "$work/one.out")"
"${single[@]}" stop proxy >/dev/null 2>&1
up three classifier classifier-b classifier-c proxy prometheus
wait_until_healthy classifier classifier-b classifier-c proxy
play three "$callers" 20 || fail "loadgen: $(tail -n 5 "$work/three.out")"
for _ in {1..30}; do
  scraped=$(ask 'count(up{job="smartbatch-classifier"} == 1)' || true)
  [[ $scraped == 3 ]] && break
  sleep 1
done
[[ $scraped == 3 ]] || fail "Prometheus scrapes ${scraped:-no} classifiers of 3"
one=$(answers_per_second one) three_of_them=$(answers_per_second three)
awk -v one="$one" -v three="$three_of_them" 'BEGIN {
  printf "     answers a second: %.1f with one classifier, %.1f with three: %.2f times\n", one, three, three / one
  exit three / one < 2.5
}' || fail "three classifiers are worth less than 2.5"
printf 'ok   three classifiers answer at least 2.5 times as many\n'
