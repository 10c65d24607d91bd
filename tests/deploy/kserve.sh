#!/usr/bin/env bash
# kserve.sh BIN [REQUESTS]: a real KServe server with the models of tests/deploy/open_inference/kserve, and the proxy of
# BIN in front of each. Triton's client and KServe's own get through the proxy what they get from KServe, under two
# strategies, and their requests share batches; a request that makes the model fail harms no other; batches that last
# longer than three health checks are answered. Before that the example, as examples/README.md shows it. REQUESTS of each
# client for each model and strategy (160).
# KServe listens on every address of its machine. So all of this runs in a network of its own, which has only loopback.
# scripts/test installs the server below build/tools (--inference).
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=tests/deploy/documents.sh
source "$ROOT/tests/deploy/documents.sh"
for tool in ip unshare; do skip_unless "$tool"; done

# --- A network of its own ---
if [[ ${1-} != --in-own-network ]]; then
  # A namespace of the network needs root, or a namespace of users, which some machines forbid.
  for namespaces in --net '--user --map-root-user --net'; do
    read -ra options <<<"$namespaces"
    if unshare "${options[@]}" true 2>/dev/null; then exec unshare "${options[@]}" bash "$0" --in-own-network "$@"; fi
  done
  printf 'skipped: a network namespace cannot be made here (unshare --net), and KServe listens on every address\n' >&2
  exit 77
fi
shift
[[ $# == 1 || $# == 2 ]] || fail "usage: kserve.sh BIN [REQUESTS]"
ip link set lo up
devices=$(ip -o link show up)
[[ $(wc -l <<<"$devices") == 1 && $devices == *': lo: '* ]] ||
  fail "this network has more than loopback, and KServe would listen on all of it: $devices"

bin=$(realpath "$1") requests=${2-160}
packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
skip_unless_packages "$packages" triton/tritonclient kserve/kserve
here=$ROOT/tests/deploy/open_inference
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
triton_python() { PYTHONPATH=$packages/triton /usr/bin/python3 "$@"; }
kserve_python() { PYTHONPATH=$packages/kserve /usr/bin/python3 "$@"; }
start_kserve() { # start_kserve NAME ADDRESS MODEL ARGUMENTS...
  local name=$1 address=$2 model=$3
  shift 3
  PYTHONPATH=$packages/kserve /usr/bin/python3 "$@" >"$work/$name.log" 2>&1 &
  SERVER_PIDS+=($!)
  for _ in {1..100}; do
    triton_python - "$address" "$model" 2>/dev/null <<'PYTHON' && return 0
import sys
import tritonclient.grpc
sys.exit(not tritonclient.grpc.InferenceServerClient(sys.argv[1]).is_model_ready(sys.argv[2]))
PYTHON
    kill -0 "${SERVER_PIDS[-1]}" 2>/dev/null || break
    sleep 0.2
  done
  fail "KServe did not start: $(tail -n 20 "$work/$name.log")"
}
until_known() { # until_known PROXY: waits until it knows its model.
  for _ in {1..50}; do
    ! "$bin/loadgen" probe --target "$1" --service inference.GRPCInferenceService >/dev/null 2>&1 || return 0
    sleep 0.1
  done
  fail "the proxy at $1 does not know its model: $(tail -n 20 "$work"/*.log)"
}

# --- The example, as examples/README.md shows it ---
readme=$work/readme.md
sed -n '/^## In front of KServe$/,/^## Behind/p' "$ROOT/examples/README.md" >"$readme"
mapfile -t shown < <(commands "$readme")
[[ ${#shown[@]} == 4 && ${shown[0]} == unshare* && ${shown[1]} == 'python examples/kserve/'* &&
  ${shown[2]} == smartbatch-proxy* && ${shown[3]} == 'python examples/clients/'* ]] ||
  fail "examples/README.md shows other commands for KServe: ${shown[*]}"
read -ra server <<<"${shown[1]}"
read -ra flags <<<"${shown[2]}"
cd "$ROOT"
start_kserve example 127.0.0.1:8081 words "${server[@]:1}"
start_server example-proxy "$work" "$bin/smartbatch-proxy" "${flags[@]:1}"
until_known 127.0.0.1:50051
example_client() { (eval "triton_python ${1#python }"); } # the words of its texts are quoted
expected=$(grep -E '^words=[0-9]+ ' "$ROOT/examples/README.md")
[[ $(wc -l <<<"$expected") == 2 ]] || fail "examples/README.md says of the model: $expected"
for address in 127.0.0.1:50051 127.0.0.1:8081; do
  found=$(example_client "${shown[3]/127.0.0.1:50051/$address}" 2>&1) || fail "the example at $address: $found"
  [[ $found == "$expected" ]] || fail "the example at $address: expected $expected, found $found"
done
printf 'ok   the example\n'
triton_python - 127.0.0.1:8081 127.0.0.1:50051 <<'PYTHON' || fail "the proxy tells something else of the model"
import sys
import tritonclient.grpc
direct, proxy = (tritonclient.grpc.InferenceServerClient(address) for address in sys.argv[1:])
assert proxy.get_model_metadata("words") == direct.get_model_metadata("words")
assert [tensor.name for tensor in direct.get_model_metadata("words").inputs] == ["text"]
assert proxy.get_model_config("words").config.max_batch_size == 32
try:
    direct.get_model_config("words")
except tritonclient.grpc.InferenceServerException as error:
    assert error.status() == "StatusCode.UNIMPLEMENTED"
PYTHON
printf 'ok   tensors as KServe tells them, max_batch_size as the proxy is configured\n'
"$bin/loadgen" run --protocol open-inference --model words --seconds 2 --warm-up-seconds 0 --progress none \
  --customer 'a-:count=8,think=1ms,len=uniform(1,60),sequences=1..3' --results "$work/loadgen" \
  --slo 'failed<0.000001%' --max-dispatch-delay-ms 1000 >"$work/loadgen.log" 2>&1 ||
  fail "loadgen ended with $?: $(cat "$work/loadgen.log")"
printf 'ok   loadgen: %s\n' "$(grep -m 1 ' answered .* requests' "$work/loadgen.log")"

# --- Models of which KServe tells nothing ---
KSERVE=127.0.0.1:8091
start_kserve models "$KSERVE" tokens "$here/kserve/models.py" --grpc_port 8091 --http_port 8090
start_proxy() { # start_proxy MODEL FLAGS...
  local model=$1
  shift
  start_server "$model" "$work" "$bin/smartbatch-proxy" --backend "oip://$KSERVE/$model" --max-batch-size 8 \
    --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level error "$@"
  until_known "$(ready_value "$work/$model.out" listen)"
}
start_proxy text
start_proxy tokens --pad-input input_ids --pad-input attention_mask --trim-output squares

# batches PROXY MODEL: the rows and the batches until now.
batches() {
  triton_python - "$@" <<'PYTHON'
import sys
import tritonclient.grpc
model = tritonclient.grpc.InferenceServerClient(sys.argv[1]).get_inference_statistics(sys.argv[2]).model_stats[0]
print(model.inference_count, model.execution_count)
PYTHON
}
# sharing PROXY MODEL COMMAND...: fails too if the requests of COMMAND, $requests in all, hardly share batches.
sharing() {
  local proxy=$1 model=$2 before after made
  shift 2
  read -ra before < <(batches "$proxy" "$model")
  "$@" || fail "the check failed"
  read -ra after < <(batches "$proxy" "$model")
  made=$((after[1] - before[1]))
  printf '     %d rows in %d batches\n' $((after[0] - before[0])) "$made"
  [[ $((made * 6)) -lt $((requests * 5)) ]] || fail "hardly any requests shared a batch"
}
for model in text tokens; do
  proxy=$(ready_value "$work/$model.out" listen)
  kserve_python "$here/kserve/client.py" calls "$KSERVE" "$proxy" "$model"
  for strategy in density weighted_fair; do
    "$bin/loadgen" strategy set "$strategy" --admin-target "$(ready_value "$work/$model.out" admin)" >/dev/null
    printf '%s, Triton client:\n' "$strategy"
    sharing "$proxy" "$model" triton_python "$here/client.py" same "$KSERVE" "$proxy" "$model" "$requests" 16
    for form in raw typed; do
      printf '%s, KServe client:\n' "$strategy"
      sharing "$proxy" "$model" kserve_python "$here/kserve/client.py" same "$KSERVE" "$proxy" "$model" "$form" \
        "$requests" 16
    done
  done
done
triton_python "$here/client.py" failures "$KSERVE" "$(ready_value "$work/tokens.out" listen)"

# --- A model whose batches last longer than three health checks, which KServe does not answer meanwhile ---
start_proxy slow
triton_python - "$(ready_value "$work/slow.out" listen)" <<'PYTHON' || fail "the slow model: $(cat "$work/slow.log")"
import concurrent.futures
import sys
import numpy
import tritonclient.grpc

model = tritonclient.grpc.InferenceServerClient(sys.argv[1])


def ask(number):
    tensor = tritonclient.grpc.InferInput("number", [1, 1], "INT32")
    tensor.set_data_from_numpy(numpy.array([[number]], dtype=numpy.int32))
    return model.infer("slow", [tensor], client_timeout=60).as_numpy("same")[0][0]


with concurrent.futures.ThreadPoolExecutor(9) as callers:
    assert list(callers.map(ask, range(9))) == list(range(9))
PYTHON
printf 'ok   the slow model\n'
