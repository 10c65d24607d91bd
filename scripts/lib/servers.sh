# shellcheck shell=bash
# Starts the classifier and the proxy as processes on loopback and stops them again. Sourced.
#
#   start_servers BIN LOG_FOLDER [free]
#     BIN has the programs. Uses the default ports, or free ones if one of them is taken or `free` is given.
#     Sets DATA, ADMIN, BACKEND, PROXY_METRICS and CLASSIFIER_METRICS to the addresses.
#   free_ports NUMBER
#     Prints so many ports of the loopback device that nobody listens on now.
#   stop_servers
#     Call it from an EXIT trap. Ends only what start_servers started.

SERVER_PIDS=()

free_ports() {
  python3 - "$1" <<'PYTHON'
import socket
import sys
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(int(sys.argv[1]))]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# ready_value FILE KEY: the value of KEY in the line by which a server says that it listens.
ready_value() { sed -n "s/.* ready .*\b$2=\([^ ]*\).*/\1/p" "$1" | head -n 1; }

# start_server NAME LOG_FOLDER COMMAND...: waits for the ready line on standard output.
start_server() {
  local name=$1 logs=$2 pid
  shift 2
  : >"$logs/$name.out" # exists before the loop below looks
  "$@" >"$logs/$name.out" 2>"$logs/$name.log" &
  pid=$!
  SERVER_PIDS+=("$pid")
  for _ in {1..200}; do
    grep -q ' ready ' "$logs/$name.out" && return 0
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.05
  done
  tail -n 20 "$logs/$name.log" >&2
  printf '%s did not start; its log: %s\n' "$name" "$logs/$name.log" >&2
  return 1
}

start_servers() {
  local bin=$1 logs=$2 ports=(50051 50052 50061 9464 9465) port
  if [[ ${3-} == free ]]; then
    ports=(0 0 0 0 0)
  else
    for port in "${ports[@]}"; do
      if port_is_taken "$port"; then
        printf 'Port %s is taken by another program: free ports are used instead of the default ones.\n' "$port" >&2
        ports=(0 0 0 0 0)
        break
      fi
    done
  fi
  start_server classifier "$logs" "$bin/smartbatch-classifier" \
    --listen "127.0.0.1:${ports[2]}" --metrics-listen "127.0.0.1:${ports[4]}"
  BACKEND=$(ready_value "$logs/classifier.out" listen)
  CLASSIFIER_METRICS=$(ready_value "$logs/classifier.out" metrics)
  start_server proxy "$logs" "$bin/smartbatch-proxy" --backend "$BACKEND" --listen "127.0.0.1:${ports[0]}" \
    --admin-listen "127.0.0.1:${ports[1]}" --metrics-listen "127.0.0.1:${ports[3]}"
  DATA=$(ready_value "$logs/proxy.out" listen)
  ADMIN=$(ready_value "$logs/proxy.out" admin)
  PROXY_METRICS=$(ready_value "$logs/proxy.out" metrics)
  export DATA ADMIN BACKEND PROXY_METRICS CLASSIFIER_METRICS
  for _ in {1..100}; do
    "$bin/loadgen" probe --target "$DATA" >/dev/null 2>&1 && return 0
    sleep 0.1
  done
  printf 'the proxy at %s is not ready; its log: %s\n' "$DATA" "$logs/proxy.log" >&2
  return 1
}

# Asks the servers to end, the proxy first so that it can drain; after 15 seconds they are killed.
stop_servers() {
  local i pid
  for ((i = ${#SERVER_PIDS[@]} - 1; i >= 0; i--)); do
    pid=${SERVER_PIDS[i]}
    kill -TERM "$pid" 2>/dev/null || continue
    for _ in {1..150}; do
      kill -0 "$pid" 2>/dev/null || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  SERVER_PIDS=()
}
