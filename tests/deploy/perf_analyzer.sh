#!/usr/bin/env bash
# perf_analyzer.sh BIN [REQUESTS]: Triton's own load generator, unchanged, at the proxy of BIN before a real Triton and
# before a real MLServer, at which it cannot run by itself. It sends REQUESTS (400) in each run: two customers at once, one
# of whom replays intervals from a file; a stream; requests of more rows than a batch; and the command that
# docs/OPERATIONS.md shows. It ends with 0, having compared each answer with the expected one if the requests have one row,
# and the proxy has answered as many requests of the customer as were sent, with the rows that were sent.
# scripts/test installs it and the servers below build/tools (--inference).
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
[[ $# == 1 || $# == 2 ]] || fail "usage: perf_analyzer.sh BIN [REQUESTS]"
bin=$(realpath "$1") requests=${2-400}
packages=${SMARTBATCH_MODEL_SERVERS-$ROOT/build/tools}
skip_unless_packages "$packages" triton/pytriton mlserver/mlserver perf_analyzer/bin
skip_unless curl
here=$ROOT/tests/deploy/open_inference
work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT

# Two libraries that Debian 12 does not have come with Triton's package, under names of their own.
mkdir "$work/libraries"
for library in libcudart.so.12 libb64.so.0d; do
  ln -s "$packages/triton/nvidia_pytriton.libs/${library%%.so*}"-*.so.* "$work/libraries/$library"
done
perf_analyzer() { LD_LIBRARY_PATH=$work/libraries timeout 60 "$packages/perf_analyzer/bin/perf_analyzer" "$@"; }

# --- What it sends ---
# Rows of different lengths and what the model `tokens` makes of them, in perf_analyzer's form. The same with an answer
# that the model does not give.
python3 - "$work" <<'PYTHON'
import json
import sys
rows = [list(range(1, length + 1)) for length in (3, 40, 7, 1, 19)]
requests = [
    {name: {"content": values, "shape": [len(row)]} for name, values in (("input_ids", row), ("attention_mask", [1] * len(row)))}
    for row in rows
]
answers = [{"score": {"content": [float(sum(id * id for id in row)), float(len(row))], "shape": [2]}} for row in rows]
for name in ("right", "wrong"):
    with open(f"{sys.argv[1]}/{name}.json", "w") as file:
        json.dump({"data": requests, "validation_data": answers}, file)
    answers[2]["score"]["content"][0] += 1
PYTHON
# In microseconds; 250 requests a second.
for interval in 1000 7000 2000 6000 4000; do printf '%d\n' "$interval"; done >"$work/intervals"

# --- What the proxy counted ---
counted() { # counted METRICS CUSTOMER: how many requests the customer sent, and how many were answered
  curl -sf "http://$1/metrics" | awk -v customer="customer=\"$2\"" '
    index($0, customer) && /^smartbatch_requests_offered_total/ { offered += $2 }
    index($0, customer) && /^smartbatch_requests_total\{code="OK"/ { answered += $2 }
    END { print offered + 0, answered + 0 }'
}
rows_at() { # rows_at ADDRESS: how many rows the server at ADDRESS has computed
  PYTHONPATH=$packages/triton /usr/bin/python3 - "$1" <<'PYTHON'
import sys
import tritonclient.grpc
print(tritonclient.grpc.InferenceServerClient(sys.argv[1]).get_inference_statistics("tokens").model_stats[0].inference_count)
PYTHON
}

# load NAME CUSTOMER METRICS FLAGS...: by the flags REQUESTS of the customer, all of which are answered.
load() {
  local name=$1 customer=$2 metrics=$3 log=$work/$2.log count
  shift 3
  perf_analyzer "$@" >"$log" 2>&1 || fail "$name: perf_analyzer ended with $?: $(cat "$log")"
  grep -qE "^ +Request count: $requests\$" "$log" || fail "$name: perf_analyzer did not send $requests: $(cat "$log")"
  for _ in {1..50}; do # the last answers are counted after they have left
    count=$(counted "$metrics" "$customer")
    [[ $count != "$requests $requests" ]] || break
    sleep 0.1
  done
  [[ $count == "$requests $requests" ]] || fail "$name: sent and answered should be $requests, and the proxy counts $count"
  printf 'ok   %s\n' "$name"
}

# check SERVER ADDRESS COUNTER: the proxy before the server at ADDRESS. COUNTER is the address of the one who counts
# rows; empty for the proxy.
check() {
  local server=$1 backend=oip://$2/tokens counter=$3 proxy metrics at shape alice rows command
  start_server "$server" "$work" "$bin/smartbatch-proxy" --backend "$backend" --max-batch-size 8 --max-request-rows 20 \
    --pad-input input_ids --pad-input attention_mask --trim-output squares --listen 127.0.0.1:0 \
    --admin-listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --log-level error
  proxy=$(ready_value "$work/$server.out" listen) metrics=$(ready_value "$work/$server.out" metrics)
  for _ in {1..50}; do # until the model is known
    ! "$bin/loadgen" probe --target "$proxy" --service inference.GRPCInferenceService >/dev/null 2>&1 || break
    sleep 0.1
  done
  at=(-i grpc -u "$proxy" -m tokens --request-count "$requests")
  shape=(--shape input_ids:10 --shape attention_mask:10)

  load "$server, a customer" alice "$metrics" "${at[@]}" -H x-customer-id:alice --concurrency-range 8 \
    --input-data "$work/right.json" &
  alice=$!
  load "$server, another at the same time, with --request-intervals" bob "$metrics" "${at[@]}" -H x-customer-id:bob \
    --request-intervals "$work/intervals" --input-data "$work/right.json"
  wait "$alice"
  # It is faster without the intervals. Slower it may be, on a busy machine.
  awk '/^ *Throughput:/ { found = 1; kept = $2 < 260 } END { exit !(found && kept) }' "$work/bob.log" ||
    fail "$server: the intervals were not kept: $(cat "$work/bob.log")"
  load "$server, a stream" carol "$metrics" "${at[@]}" -H x-customer-id:carol --streaming --async --concurrency-range 8 \
    --input-data "$work/right.json"

  rows=$(rows_at "${counter:-$proxy}")
  load "$server, 20 rows in a request, 8 in a batch" dave "$metrics" "${at[@]}" -H x-customer-id:dave -b 20 \
    --concurrency-range 8 "${shape[@]}"
  rows=$(($(rows_at "${counter:-$proxy}") - rows))
  [[ $rows == $((20 * requests)) ]] || fail "$server: $rows rows were computed, not 20 for each of $requests requests"
  expect "$server, a wrong answer is noticed" "Output doesn't match expected output" \
    perf_analyzer "${at[@]}" --input-data "$work/wrong.json"
  expect "$server, 21 rows are too many" 'the shape is \[21,10\].*1 to 20' perf_analyzer "${at[@]}" -b 21 "${shape[@]}"

  # What docs/OPERATIONS.md shows, with this model in place of minilm.
  command=$(commands "$ROOT/docs/OPERATIONS.md" | grep '^perf_analyzer ' | sed -E -e 's/minilm/tokens/' \
    -e "s/127\.0\.0\.1:50051/$proxy/" -e "s/(--request-count) [0-9]+/\1 $requests/")
  [[ $(wc -l <<<"$command") == 1 && " $command " == *" -u $proxy -m tokens "* ]] ||
    fail "docs/OPERATIONS.md should show one command of perf_analyzer: $command"
  read -ra command <<<"$command"
  load "$server, as docs/OPERATIONS.md shows it" erin "$metrics" "${command[@]:1}"
}

mkdir "$work/triton"
cp -r "$here"/triton/{tokens,text} "$work/triton/"
start_triton "$packages/triton" "$work" "$work/triton"
check Triton "$TRITON" "$TRITON"
start_mlserver "$packages/mlserver" "$work" "$here/mlserver"
expect 'MLServer itself: perf_analyzer cannot run' 'failed to get model config' perf_analyzer -i grpc -u "$MLSERVER" -m tokens
check MLServer "$MLSERVER" ''
