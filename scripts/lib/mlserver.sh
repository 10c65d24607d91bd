# shellcheck shell=bash
# Starts a real MLServer on loopback. Sourced, after scripts/lib/servers.sh, whose stop_servers ends it.
#
#   start_mlserver PACKAGES WORK MODELS
#     PACKAGES is the folder that pip installed tests/deploy/open_inference/mlserver.txt into. Copies the folder MODELS,
#     which has a folder for each model, by its name, into the folder WORK and writes there. Sets MLSERVER to the address
#     of its gRPC, and waits until all the models are ready.

start_mlserver() {
  local packages=$1 work=$2 models=$3 ports pid
  read -ra ports < <(free_ports 3)
  MLSERVER=127.0.0.1:${ports[0]}
  cp -r "$models" "$work/mlserver"
  printf '{"host": "127.0.0.1", "grpc_port": %d, "http_port": %d, "metrics_port": %d, "parallel_workers": 0}\n' \
    "${ports[@]}" >"$work/mlserver/settings.json"
  PYTHONPATH=$packages /usr/bin/python3 -c 'from mlserver.cli import main; main()' start "$work/mlserver" \
    >"$work/mlserver.log" 2>&1 &
  pid=$!
  SERVER_PIDS+=("$pid")
  # The server says that it is ready before it has loaded a model.
  for _ in {1..300}; do
    PYTHONPATH=$packages /usr/bin/python3 - "$MLSERVER" "$models" 2>/dev/null <<'PYTHON' && return 0
import pathlib
import sys
import tritonclient.grpc
server = tritonclient.grpc.InferenceServerClient(sys.argv[1])
sys.exit(not all(server.is_model_ready(model.name) for model in pathlib.Path(sys.argv[2]).iterdir()))
PYTHON
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$work/mlserver.log" >&2
  printf 'MLServer did not start; its log: %s\n' "$work/mlserver.log" >&2
  return 1
}
