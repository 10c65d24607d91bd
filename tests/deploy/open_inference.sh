#!/usr/bin/env bash
# open_inference.sh BIN [REQUESTS]: a real Triton and a real MLServer with the models of tests/deploy/open_inference, the
# proxy of BIN in front of each model, all on loopback, and Triton's own client at both. At Triton wrong requests get the
# same code, right ones the same bytes under every strategy, a stream the same answers, and a model that fails harms only
# those who made it fail; at MLServer the last two. loadgen's every request is answered by all of them. Before that the
# proxy and the client that README.md shows. REQUESTS for each model and strategy (1600).
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

# --- The servers ---
cp -r "$here/triton" "$work/"
start_triton "$packages/triton" "$work" "$work/triton"
start_mlserver "$packages/mlserver" "$work" "$here/mlserver"

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

# --- loadgen at both ---
play() { # play NAME ADDRESS MODEL [ADMIN]
  "$bin/loadgen" run --protocol open-inference --model "$3" --target "$2" --admin-target "${4-127.0.0.1:1}" --seconds 2 \
    --customer 'a-:count=8,think=1ms,len=uniform(1,60),sequences=1..3' --warm-up-seconds 0 --results "$work/loadgen" \
    --slo 'failed<0.000001%' --max-dispatch-delay-ms 1000 --progress none >"$work/loadgen.log" 2>&1 ||
    fail "loadgen at $1 ended with $?: $(cat "$work/loadgen.log")"
  printf 'ok   loadgen: %s: %s\n' "$1" "$(grep -m 1 ' answered .* requests' "$work/loadgen.log")"
}
"$bin/loadgen" strategy set density --admin-target "$ADMIN" >/dev/null
play 'Triton, text' "$TRITON" text
play 'the proxy before Triton, text' "$TEXT" text "$(ready_value "$work/text.out" admin)"
play 'Triton, tokens' "$TRITON" tokens
play 'the proxy before Triton, tokens' "$TOKENS" tokens "$ADMIN"
play 'MLServer, tokens' "$MLSERVER" tokens
play 'the proxy before MLServer, tokens' "$MLSERVER_TOKENS" tokens "$(ready_value "$work/mlserver-tokens.out" admin)"

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
