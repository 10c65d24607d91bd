# shellcheck shell=bash
# A compose project of its own under a real Docker engine, Grafana aside. Sourced after skip.sh, with the arguments of the
# script: --no-build takes the images smartbatch:local and smartbatch-loadgen:local as they are. Ends with 77 if there
# is no engine. The containers are removed when the script ends; images stay.
#
#   SMARTBATCH_COMPOSE, in the environment, is the Compose to test, such as "docker compose"
#   FILES      the compose files, as -f FILE each; a script adds those that go over docker-compose.yml
#   LOADGEN    the flags by which loadgen reaches the proxy from the project's network
#   MOUNTS     what `docker run` mounts for it
#   WORK       a folder for files, removed at the end

skip_unless docker
skip_unless jq
skip_unless curl
docker info >/dev/null 2>&1 || {
  printf 'skipped: there is no Docker engine\n' >&2
  exit 77
}
# shellcheck source=tests/deploy/compose_versions.sh
source "$ROOT/tests/deploy/compose_versions.sh"
read -ra COMPOSE <<<"${SMARTBATCH_COMPOSE:-${COMPOSES[0]}}"
printf 'with Compose %s\n' "$("${COMPOSE[@]}" version --short)"
BUILD=--build
if [[ ${1-} == --no-build ]]; then BUILD=--no-build; fi

cd "$ROOT" || exit
PROJECT=smartbatch-test-$$
WORK=$(mktemp -d)
FILES=(-f deploy/docker-compose.yml)
LOADGEN=(--target proxy:50051 --admin-target proxy:50052 --token-file /token)
MOUNTS=(--volume "${ADMIN_TOKEN_FILE:-$ROOT/deploy/development-admin-token}:/token:ro")

# project COMMAND...: docker-compose for this project.
project() { "${COMPOSE[@]}" --project-name "$PROJECT" "${FILES[@]}" "$@"; }
WATCHER= # of the engine's events
remove_project() {
  [[ -z $WATCHER ]] || kill "$WATCHER" 2>/dev/null || true
  project down --volumes --remove-orphans --timeout 60 >"$WORK/down.log" 2>&1 || cat "$WORK/down.log" >&2
  rm -rf "$WORK"
}
trap remove_project EXIT

container() { docker ps -aq --filter "label=com.docker.compose.project=$PROJECT" --filter "label=com.docker.compose.service=$1"; }
# inspect SERVICE FORMAT
inspect() { docker inspect --format "$2" "$(container "$1")"; }
last_words() { docker logs --tail 5 "$(container "$1")" 2>&1; }

# --- Up ---
up() {
  project up --detach "$BUILD" "$@" >"$WORK/up.log" 2>&1 || fail "up: $(tail -n 10 "$WORK/up.log")"
  BUILD=--no-build # the same images to the end
}
is_healthy() { [[ $(inspect "$1" '{{.State.Health.Status}}' 2>/dev/null) == healthy ]]; }
wait_until_healthy() {
  local service
  for service in "$@"; do
    for _ in {1..120}; do
      is_healthy "$service" && continue 2
      sleep 1
    done
    fail "$service is not healthy: $(inspect "$service" '{{json .State.Health}}') $(last_words "$service")"
  done
}
# came_first FIRST SECOND: whether both events, `SERVICE ACTION` each, came in this order.
came_first() {
  # shellcheck disable=SC2016 # awk's
  awk -v first="$1" -v second="$2" '
    $0 == first && !one { one = NR }
    $0 == second && !two { two = NR }
    END { exit !(one && two && one < two) }' "$WORK/events"
}
# Classifier, proxy, loadgen and prometheus: each starts after the services that it needs are healthy.
up_in_order() {
  local service
  # As it happens: the engine remembers only the last five results of a health check.
  docker events --since "$(date +%s)" --filter "label=com.docker.compose.project=$PROJECT" --filter event=start \
    --filter event=health_status --format '{{index .Actor.Attributes "com.docker.compose.service"}} {{.Action}}' >"$WORK/events" &
  WATCHER=$!
  up classifier proxy loadgen prometheus
  wait_until_healthy classifier proxy prometheus
  came_first 'classifier health_status: healthy' 'proxy start' || fail "the proxy began before the classifier was healthy"
  for service in loadgen prometheus; do
    came_first 'proxy health_status: healthy' "$service start" || fail "$service began before the proxy was healthy"
  done
  printf 'ok   healthy in order: classifier, proxy, then loadgen and prometheus\n'
}

# --- Hardening ---
# faults_of CONTAINER: what is not locked down, by the engine and by the kernel, one per line.
faults_of() {
  # shellcheck disable=SC2016 # jq's
  docker inspect "$1" | jq -r '.[0] |
    (select(.Config.User | test("^(|0|root)(:|$)")) | "runs as root"),
    (select(.HostConfig.ReadonlyRootfs | not) | "its root file system is not read-only"),
    (select(.HostConfig.CapDrop != ["ALL"]) | "keeps capabilities"),
    (select((.HostConfig.SecurityOpt // []) | index("no-new-privileges:true") | not) | "may gain privileges"),
    (select(.Config.Image | test(":(?!latest$)[^/:]+$") | not) | "its image \(.Config.Image) is not pinned"),
    ((.HostConfig.PortBindings // {}) | to_entries[] | .key as $port | .value[] | select(.HostIp != "127.0.0.1") |
      "its port \($port) is on \(.HostIp)")'
  docker exec "$1" cat /proc/1/status | awk '
    $1 == "Uid:" && $3 == 0 { print "its process is root" }
    $1 == "CapBnd:" && $2 !~ /^0+$/ { print "its process can have capabilities: " $2 }
    $1 == "NoNewPrivs:" && $2 != 1 { print "its process may gain privileges" }'
  ! docker exec "$1" sh -c 'touch /usr/bin/x' 2>/dev/null || printf 'it can write to its image\n'
}
locked_up() {
  local service faults
  for service in "$@"; do
    faults=$(faults_of "$(container "$service")")
    [[ -z $faults ]] || fail "$service: ${faults//$'\n'/, }"
  done
  printf 'ok   no root, no capability, no new privilege, nothing to write to, pinned, ports on loopback: %s\n' "$*"
}

# --- Load ---
# ask QUERY: the first value that Prometheus has for it, or nothing.
ask() { curl -sf "http://127.0.0.1:9090/api/v1/query" --data-urlencode "query=$1" | jq -r '.data.result[0].value[1] // empty'; }
# becomes SECONDS LEAST QUERY: whether the value reaches LEAST within that time; VALUE then holds it.
becomes() {
  local tries
  for ((tries = 0; tries < $1; tries++)); do
    VALUE=$(ask "$3" || true)
    awk -v value="${VALUE:-0}" -v least="$2" 'BEGIN { exit !(value + 0 >= least) }' && return
    sleep 1
  done
  return 1
}

# play NAME CUSTOMER SECONDS: the load generator in a container of its own beside the others; its results in $WORK/NAME.
play() {
  mkdir -p "$WORK/$1"
  chmod 777 "$WORK/$1"
  docker run --rm --name "$PROJECT-$1" --network "${PROJECT}_default" --volume "$WORK/$1:/results" "${MOUNTS[@]}" \
    smartbatch-loadgen:local loadgen run "${LOADGEN[@]}" --customer "$2" --seconds "$3" --warm-up-seconds 0 \
    --max-dispatch-delay-ms 1000 --results /results --progress none >"$WORK/$1.out" 2>&1
}

# stops_without_a_lost_request SERVICE...: stops them under load, in one call of docker-compose; the proxy is among them.
stops_without_a_lost_request() {
  local player began service
  # 16 callers that send again 50 ms after each answer; a batch takes 90 ms, so some always wait.
  play drained 'a-:count=16,think=50ms,len=300,sequences=1' 20 &
  player=$!
  sleep 7
  began=$SECONDS
  project stop "$@" >/dev/null 2>&1
  printf '     stopped within %d s\n' $((SECONDS - began))
  for service in "$@"; do
    [[ $(inspect "$service" '{{.State.ExitCode}}') == 0 ]] || fail "$service was killed: $(last_words "$service")"
  done
  wait "$player" || true # its exit code tells of the refused requests
  # The stop is one moment: every request sent before the first refusal was answered, and none sent after it.
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
    }' "$WORK"/drained/*_requests.csv || fail "a request that was there when the proxy stopped was lost"
  printf 'ok   stop drains without a lost request: %s\n' "$*"
}
