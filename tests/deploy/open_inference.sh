#!/usr/bin/env bash
# open_inference.sh BIN [REQUESTS]: a real Triton and a real MLServer with the models of tests/deploy/open_inference, the
# proxy of BIN in front of each model, all on loopback, and Triton's own client at both. At Triton wrong requests get the
# same code, right ones the same bytes under every strategy, a stream the same answers, and a model that fails harms only
# those who made it fail; at MLServer the last two. REQUESTS for each model and strategy (1600).
# scripts/test installs the servers below build/tools (--inference).
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 || $# == 2 ]] || fail "usage: open_inference.sh BIN [REQUESTS]"
bin=$(realpath "$1") requests=${2-1600}
packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
for folder in triton/pytriton mlserver/mlserver; do
  [[ -d $packages/$folder ]] || {
    printf 'skipped: there is no %s in %s\n' "${folder%/*}" "$packages" >&2
    exit 77
  }
done
here=$ROOT/tests/deploy/open_inference
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
client() { PYTHONPATH=$packages/triton /usr/bin/python3 "$@"; }

read -ra ports < <(python3 - <<'PYTHON'
import socket
sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(6)]
print(*(s.getsockname()[1] for s in sockets))
PYTHON
)
TRITON=127.0.0.1:${ports[0]} MLSERVER=127.0.0.1:${ports[3]}

# --- The servers ---
server=$packages/triton/pytriton/tritonserver
mkdir "$work/backends"
cp -r "$server/backends/python" "$work/backends/"
cp "$server/python_backend_stubs/3.11/triton_python_backend_stub" "$work/backends/python/"
cp -r "$here/triton" "$here/mlserver" "$work/"
# The Python inside Triton is Debian's; it looks for packages beside the first python3 of PATH. Without the libraries of
# its wheel Triton waits for ever.
/usr/bin/python3 -m venv --without-pip "$work/python"
printf '%s\n' "$packages/triton" >"$work/python/lib/python3.11/site-packages/triton.pth"
PATH=$work/python/bin:$PATH LD_LIBRARY_PATH=$packages/triton/nvidia_pytriton.libs "$server/bin/tritonserver" \
  --model-repository="$work/triton" --backend-directory="$work/backends" --disable-auto-complete-config \
  --grpc-address=127.0.0.1 --grpc-port="${ports[0]}" --http-address=127.0.0.1 --http-port="${ports[1]}" \
  --metrics-address=127.0.0.1 --metrics-port="${ports[2]}" --allow-gpu-metrics=false >"$work/triton.log" 2>&1 &
SERVER_PIDS+=($!)
printf '{"host": "127.0.0.1", "grpc_port": %d, "http_port": %d, "metrics_port": %d, "parallel_workers": 0}\n' \
  "${ports[@]:3}" >"$work/mlserver/settings.json"
PYTHONPATH=$packages/mlserver /usr/bin/python3 -c 'from mlserver.cli import main; main()' start "$work/mlserver" \
  >"$work/mlserver.log" 2>&1 &
SERVER_PIDS+=($!)

wait_for() { # wait_for NAME ADDRESS PID
  for _ in {1..100}; do
    client - "$2" 2>/dev/null <<'PYTHON' && return
import sys
import tritonclient.grpc
sys.exit(not tritonclient.grpc.InferenceServerClient(sys.argv[1]).is_model_ready("tokens"))
PYTHON
    kill -0 "$3" 2>/dev/null || break
    sleep 0.2
  done
  fail "$1 did not start: $(tail -n 20 "$work/$1.log")"
}
wait_for triton "$TRITON" "${SERVER_PIDS[0]}"
wait_for mlserver "$MLSERVER" "${SERVER_PIDS[1]}"

# --- The proxies ---
start_proxy() { # start_proxy NAME ADDRESS MODEL FLAGS...
  local name=$1 backend=oip://$2/$3
  shift 3
  start_server "$name" "$work" "$bin/smartbatch-proxy" --backend "$backend" --max-batch-size 8 --listen 127.0.0.1:0 \
    --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level error "$@"
}
padding=(--pad-input input_ids --pad-input attention_mask --trim-output squares)
start_proxy text "$TRITON" text
start_proxy tokens "$TRITON" tokens "${padding[@]}"
start_proxy mlserver-tokens "$MLSERVER" tokens "${padding[@]}"
TEXT=$(ready_value "$work/text.out" listen)
TOKENS=$(ready_value "$work/tokens.out" listen)
ADMIN=$(ready_value "$work/tokens.out" admin)
MLSERVER_TOKENS=$(ready_value "$work/mlserver-tokens.out" listen)

# --- Triton ---
check() { client "$here/client.py" "$@"; }
check conformance "$TRITON" "$TEXT"
check same "$TRITON" "$TEXT" text "$requests" 16
check calls "$TRITON" "$TEXT"
check stream "$TRITON" "$TEXT"
check failures "$TRITON" "$TOKENS"
strategies=$("$bin/loadgen" strategy list --admin-target "$ADMIN" | awk '/^[a-z]/ { print $1 }')
[[ $(wc -l <<<"$strategies") -ge 8 ]] || fail "loadgen strategy list names only: $strategies"
for strategy in $strategies; do
  "$bin/loadgen" strategy set "$strategy" --admin-target "$ADMIN" >/dev/null
  printf '%s: ' "$strategy"
  check same "$TRITON" "$TOKENS" tokens "$requests" 16
done

# --- MLServer ---
printf 'MLServer: '
check same "$MLSERVER" "$MLSERVER_TOKENS" tokens "$((requests / 4))" 16
printf 'MLServer: '
check failures "$MLSERVER" "$MLSERVER_TOKENS"

# That requests did share batches.
for proxy in "$TOKENS" "$MLSERVER_TOKENS"; do
  rows=$(client - "$proxy" <<'PYTHON'
import sys
import tritonclient.grpc
model = tritonclient.grpc.InferenceServerClient(sys.argv[1]).get_inference_statistics("tokens").model_stats[0]
print(f"{model.inference_count / model.execution_count:.2f}")
PYTHON
  )
  printf 'rows in a batch: %s\n' "$rows"
  awk -v rows="$rows" 'BEGIN { exit !(rows > 2.5) }' || fail "hardly any requests shared a batch: $rows rows in each"
done
