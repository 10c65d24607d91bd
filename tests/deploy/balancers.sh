#!/usr/bin/env bash
# balancers.sh BIN: Envoy, HAProxy and nginx with deploy/balancers as they ship, only their addresses moved, each in front of
# three proxies of BIN, all on loopback. Each of 30 customers is on one proxy; when one proxy is killed under load, no more
# calls are lost than it had begun with, and the customers of the others stay where they are. The same with nginx told to
# try nothing again, which loses many: so the test can fail.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: balancers.sh BIN"
for tool in envoy haproxy nginx curl python3; do skip_unless "$tool"; done
bin=$(realpath "$1")
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
cd "$work"

# A call takes a millisecond or two, and 300 a second go to each proxy, so that the killed one has a few; a shared machine
# stands still at times.
MOST_LOST=20

start_server classifier "$work" "$bin/smartbatch-classifier" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
BACKEND=$(ready_value classifier.out listen)

# start_proxies: three, with their addresses in PROXIES, METRICS and PROXY_PIDS.
start_proxies() {
  local i
  PROXIES=() METRICS=() PROXY_PIDS=()
  for i in 1 2 3; do
    start_server "proxy-$i" "$work" "$bin/smartbatch-proxy" --backend "$BACKEND" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
      --metrics-listen 127.0.0.1:0 --log-level error
    PROXIES+=("$(ready_value "proxy-$i.out" listen)") METRICS+=("$(ready_value "proxy-$i.out" metrics)") PROXY_PIDS+=("${SERVER_PIDS[-1]}")
  done
}
# render FILE: as it ships, with a free port, in PORT, and the proxies' addresses.
render() {
  local edits=() i endpoints=
  PORT=$(python3 -c 'import socket; print(socket.create_server(("127.0.0.1", 0)).getsockname()[1])')
  for i in 0 1 2; do
    edits+=(-e "s#proxy-$((i + 1)):50051#${PROXIES[i]}#")
    endpoints+="              - endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${PROXIES[i]##*:}}}}\\n"
  done
  sed -e "s#0\.0\.0\.0:50050#127.0.0.1:$PORT#; s#0\.0\.0\.0, port_value: 50050#127.0.0.1, port_value: $PORT#" "${edits[@]}" \
    -e "s#^ *- endpoint: .*port_value: 50051.*#${endpoints%\\n}#" "$ROOT/deploy/balancers/$1" >"$1"
  ! grep -E '0\.0\.0\.0|:? ?5005[01]\b' "$1" || fail "an address of $1 is not moved"
}
# start_balancer COMMAND...: until it answers for a proxy.
start_balancer() {
  "$@" >balancer.log 2>&1 &
  SERVER_PIDS+=("$!")
  for _ in {1..100}; do
    ! "$bin/loadgen" probe --target "127.0.0.1:$PORT" >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  fail "it does not start: $(tail -n 5 balancer.log)"
}
# play SECONDS: the customers call.
play() {
  rm -rf results
  "$bin/loadgen" run --target "127.0.0.1:$PORT" --customer c-:count=30,rate=30,len=20,sequences=1 --seconds "$1" \
    --warm-up-seconds 0 --results results --progress none >loadgen.log 2>&1 || true # what is lost is told by its exit code
}
# count: of what was played, CALLS and LOST.
count() {
  read -r CALLS LOST < <(python3 - <<'PYTHON'
import csv, glob
codes = [row["code"] for path in glob.glob("results/*_requests.csv") for row in csv.DictReader(open(path))]
print(len(codes), sum(code != "OK" for code in codes))
PYTHON
  )
  [[ $CALLS -gt 0 ]] || fail "loadgen: $(tail -n 5 loadgen.log)"
}
# customers_of PROXY: those that it has answered.
customers_of() {
  curl -sf "http://${METRICS[$1]}/metrics" |
    sed -nE 's/^smartbatch_requests_total\{code="OK",customer="(c-[0-9]+)".*/\1/p' | sort -u
}

# kill_one NAME COMMAND...: with the balancer that COMMAND starts, for the configuration that is rendered.
kill_one() {
  local name=$1 i player moved
  shift
  start_balancer "$@"
  # Until it has asked all three for their health: customers move when one is found.
  sleep 3
  play 2
  count
  [[ $LOST == 0 ]] || fail "$name: $LOST of $CALLS calls fail while all three proxies serve"
  for i in 0 1 2; do
    customers_of "$i" >"customers-$i"
    [[ -s customers-$i ]] || fail "$name: proxy $((i + 1)) has no customer"
  done
  [[ $(cat customers-? | wc -l) == 30 && $(cat customers-? | sort -u | wc -l) == 30 ]] ||
    fail "$name: a customer is on two proxies, or on none: $(cat customers-? | sort | uniq -c | tr "\n" " ")"
  play 4 &
  player=$!
  sleep 2
  kill -KILL "${PROXY_PIDS[0]}"
  wait "$player" "${PROXY_PIDS[0]}" 2>/dev/null || true
  count
  # All that a proxy has now and had not before were the killed one's.
  for i in 1 2; do
    moved=$(comm -23 <(customers_of "$i") <(sort customers-0 "customers-$i"))
    [[ -z $moved ]] || fail "$name: not only the customers of the killed proxy moved, but $moved"
  done
  printf '     %s: customers %s, %s and %s; of %s calls %s lost when the first proxy was killed\n' "$name" \
    "$(wc -l <customers-0)" "$(wc -l <customers-1)" "$(wc -l <customers-2)" "$CALLS" "$LOST"
}
loses_little() {
  [[ $LOST -le $MOST_LOST ]] || fail "that is more than $MOST_LOST"
}
nginx=(nginx -p "$work" -c "$work/nginx.conf" -e stderr -g "daemon off; pid $work/nginx.pid;")

start_proxies
render envoy.yaml
kill_one Envoy envoy --config-path envoy.yaml --concurrency 1 --disable-hot-restart
loses_little
start_proxies
render haproxy.cfg
kill_one HAProxy haproxy -db -f haproxy.cfg
loses_little
start_proxies
render nginx.conf
kill_one nginx "${nginx[@]}"
loses_little
printf 'ok   each customer on one of three proxies; one that is killed costs no more than it had begun with\n'
start_proxies
render nginx.conf
sed -i 's/grpc_next_upstream error/grpc_next_upstream off/; s/max_fails=1/max_fails=0/' nginx.conf
kill_one 'nginx that tries nothing again' "${nginx[@]}"
[[ $LOST -gt $((10 * MOST_LOST)) ]] || fail "that is not many: the test above shows nothing"
printf 'ok   without another try much is lost\n'
