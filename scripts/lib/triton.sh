# shellcheck shell=bash
# Starts a real Triton on loopback, from the package nvidia-pytriton, with models for its Python backend. Sourced, after
# scripts/lib/servers.sh, whose stop_servers ends it.
#
#   start_triton PACKAGES WORK REPOSITORY [MODULES]
#     PACKAGES is the folder that pip installed tests/deploy/open_inference/triton.txt into, MODULES another one that the
#     models import from. Writes to the folder WORK. Sets TRITON to the address of its gRPC, and waits until all the
#     models of the folder REPOSITORY are ready.

start_triton() {
  local packages=$1 work=$2 repository=$3 modules=${4-} server=$1/pytriton/tritonserver ports pid
  read -ra ports < <(free_ports 3)
  TRITON=127.0.0.1:${ports[0]}
  mkdir "$work/backends"
  cp -r "$server/backends/python" "$work/backends/"
  cp "$server/python_backend_stubs/3.11/triton_python_backend_stub" "$work/backends/python/"
  # The Python inside Triton is Debian's; it looks for packages beside the first python3 of PATH. Without the libraries
  # of its wheel Triton waits for ever.
  /usr/bin/python3 -m venv --without-pip "$work/python"
  printf '%s\n' "$packages" ${modules:+"$modules"} >"$work/python/lib/python3.11/site-packages/triton.pth"
  PATH=$work/python/bin:$PATH LD_LIBRARY_PATH=$packages/nvidia_pytriton.libs "$server/bin/tritonserver" \
    --model-repository="$repository" --backend-directory="$work/backends" --disable-auto-complete-config \
    --grpc-address=127.0.0.1 --grpc-port="${ports[0]}" --http-address=127.0.0.1 --http-port="${ports[1]}" \
    --metrics-address=127.0.0.1 --metrics-port="${ports[2]}" --allow-gpu-metrics=false >"$work/triton.log" 2>&1 &
  pid=$!
  SERVER_PIDS+=("$pid")
  for _ in {1..600}; do
    PYTHONPATH=$packages /usr/bin/python3 - "$TRITON" 2>/dev/null <<'PYTHON' && return 0
import sys
import tritonclient.grpc
sys.exit(not tritonclient.grpc.InferenceServerClient(sys.argv[1]).is_server_ready())
PYTHON
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  tail -n 20 "$work/triton.log" >&2
  printf 'Triton did not start; its log: %s\n' "$work/triton.log" >&2
  return 1
}
