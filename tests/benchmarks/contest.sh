#!/usr/bin/env bash
# contest.sh BIN RESULTS [ROUNDS [minilm | device]]: a model behind a real Triton, with Triton's own dynamic batching and
# with the proxy in front. All are sent the same texts at the same moments, in turn: by callers that share a list, and in
# an open loop near what Triton carries at its best setting. What ROUNDS (1) rounds measure is added to the file RESULTS;
# contest/report.py makes the table and the picture of it.
#   minilm   a real model, all-MiniLM-L6-v2 on one thread: 16 and 64 callers, 0.8 of the capacity; a round takes about 2
#            minutes, the first two 6
#   device   a device whose time is modelled (contest/models/device.py says how): 256 callers, 0.9, and the largest rate
#            that is kept up; 9 minutes a round
# Installs what is missing below build/tools, from lists with hashes; all servers listen on loopback only.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/packages.sh
source "$ROOT/scripts/lib/packages.sh"
# shellcheck source=scripts/lib/minilm.sh
source "$ROOT/scripts/lib/minilm.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=scripts/lib/triton.sh
source "$ROOT/scripts/lib/triton.sh"
rounds=${3-1} contest=${4-minilm}
here=$ROOT/tests/benchmarks/contest
[[ $# -ge 2 && $# -le 4 && -x $1/smartbatch-proxy && -x $1/loadgen && -e $here/$contest.json ]] || {
  printf 'usage: contest.sh BIN RESULTS [ROUNDS [minilm | device]]\n' >&2
  exit 2
}
bin=$(realpath "$1") results=$(realpath "$2")
tools=$ROOT/build/tools
install_python_packages "$tools/triton" "$ROOT/tests/deploy/open_inference/triton.txt"
fetch_minilm "$tools"

work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
declare -A width=([minilm]=384 [device]=1)
add_model() { # add_model NAME LARGEST_BATCH [BATCHING]
  mkdir -p "$work/models/$1/1"
  cp "$here/models/$contest.py" "$work/models/$1/1/model.py"
  cat >"$work/models/$1/config.pbtxt" <<CONFIG
name: "$1"
backend: "python"
max_batch_size: $2
input [ { name: "text" data_type: TYPE_STRING dims: [ 1 ] } ]
output [ { name: "answer" data_type: TYPE_FP32 dims: [ ${width[$contest]} ] } ]
instance_group [ { kind: KIND_CPU count: 1 } ]
${3-}
CONFIG
}
for size in 1 8 32; do
  add_model "$contest-$size" "$size" 'dynamic_batching { max_queue_delay_microseconds: 0 }'
done
add_model "$contest" 32
start_triton "$tools/triton" "$work" "$work/models" "$tools/minilm"
for ((round = 0; round < rounds; ++round)); do
  PYTHONPATH=$tools/triton /usr/bin/python3 "$here/play.py" "$bin" "$TRITON" "$work" "$contest" "$results"
done
