#!/usr/bin/env bash
# examples.sh BIN: the examples of the folder examples but KServe's (kserve.sh), as examples/README.md runs them but on free
# ports: each prints what that document says, through the proxy and at the model server itself. scripts/test installs the
# servers below build/tools (--inference).
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=scripts/lib/triton.sh
source "$ROOT/scripts/lib/triton.sh"
# shellcheck source=scripts/lib/mlserver.sh
source "$ROOT/scripts/lib/mlserver.sh"
[[ $# == 1 ]] || fail "usage: examples.sh BIN"
bin=$(realpath "$1") packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
skip_unless_packages "$packages" triton/pytriton mlserver/mlserver
examples=$ROOT/examples
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
# The bindings, which users make with grpcio-tools: Debian's protoc has a plugin for Python too.
protoc -I "$ROOT/proto" -I "$ROOT/third_party/googleapis" --python_out="$work" --grpc_out="$work" --plugin=protoc-gen-grpc="$(command -v grpc_python_plugin)" \
  smartbatch/proxy/v1/proxy.proto smartbatch/classifier/v1/classifier.proto google/api/annotations.proto google/api/http.proto
python() { PYTHONPATH=$packages/triton:$work /usr/bin/python3 "$@"; }

# What the document shows as the output of the example, by its first word.
expected() { grep -E "^$1[= ]" "$examples/README.md"; }
check() { # check NAME EXPECTED COMMAND...
  local name=$1 expected=$2 found
  shift 2
  found=$("$@" 2>"$work/said") || fail "$name failed: $(cat "$work/said")"
  [[ $found == "$expected" ]] || fail "$name: expected $expected, found $found"
  printf 'ok   %s\n' "$name"
}
start_proxy() { # start_proxy NAME FLAGS...: sets PROXY
  local name=$1
  shift
  start_server "$name" "$work" "$bin/smartbatch-proxy" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    --metrics-listen 127.0.0.1:0 --log-level error "$@"
  PROXY=$(ready_value "$work/$name.out" listen)
}
wait_for_words() { # wait_for_words ADDRESS
  for _ in {1..100}; do
    ! python "$examples/clients/open_inference.py" "$1" words ready >/dev/null 2>&1 || return 0
    sleep 0.2
  done
  fail "the model at $1 is not ready: $(tail -n 20 "$work"/*.log)"
}

words=$(expected 'words=[0-9]+')
[[ $(wc -l <<<"$words") == 2 ]] || fail "examples/README.md says of the model: $words"
start_triton "$packages/triton" "$work" "$examples/triton/models"
start_proxy triton-proxy --backend "oip://$TRITON/words" --max-batch-size 32
wait_for_words "$PROXY"
for address in "$TRITON" "$PROXY"; do
  check "triton, client at $address" "$words" \
    python "$examples/clients/open_inference.py" "$address" words 'how many words' 'one'
done

start_mlserver "$packages/mlserver" "$work" "$examples/mlserver"
start_proxy mlserver-proxy --backend "oip://$MLSERVER/words" --max-batch-size 32
wait_for_words "$PROXY"
for address in "$MLSERVER" "$PROXY"; do
  check "mlserver, client at $address" "$words" \
    python "$examples/clients/open_inference.py" "$address" words 'how many words' 'one'
done

PYTHONPATH=$packages/triton:$work start_server backend "$work" /usr/bin/python3 "$examples/backend/server.py" 127.0.0.1:0
start_proxy own-proxy --backend "$(ready_value "$work/backend.out" listen)"
check "backend, client at $PROXY" "$(expected question && expected statement)" \
  python "$examples/clients/classify.py" "$PROXY" 'is this a question?' 'this is not'
