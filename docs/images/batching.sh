#!/usr/bin/env bash
# batching.sh LOADGEN [FOLDER]: simulates small cases and draws batching_*.svg, which explain what a batch is made of, into
# FOLDER, or beside this file. The same program draws the same bytes. Needs node.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
loadgen=$(realpath "${1:?usage: batching.sh LOADGEN [FOLDER]}")
folder=$(realpath "${2:-$here}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# request MILLISECONDS CUSTOMER LENGTHS: a line of a trace.
request() { printf '{"timestamp_ms":%s,"customer":"%s","lengths":[%s]}\n' "$@"; }

# picture NAME [FLAG...] -- [FLAG...]: the flags of `loadgen simulate`, and those of the drawing.
picture() {
  local name=$1 simulate=() page=$work/$1.html
  shift
  while [[ $1 != -- ]]; do
    simulate+=("$1")
    shift
  done
  shift
  "$loadgen" simulate "${simulate[@]}" --param fcfs.linger_ms=0 --progress none --html "$page" >"$work/$name.out"
  node "$here/../../common/timeline/drawing/still.js" "$page" "$@" >"$folder/batching_$name.svg"
}
# small NAME STRATEGIES [FLAG...]: of the trace NAME.jsonl, all of it.
small() {
  picture "$1" --trace-in "$work/$1.jsonl" --strategies "${@:2}" --warm-up-share 0 --draw-requests 10000 -- \
    --width 820 --row-height 14 --reasons --no-present
}

{ request 0 long 300; request 1 short 60; request 2 short 40; request 3 long 290; request 4 short 50; request 5 short 80
  request 6 long 310; request 7 long 280; } >"$work/padding.jsonl"
small padding fcfs,density

{ request 0 first 200; request 5 a 300; request 10 b 240; request 15 c 260; request 20 d 180; } >"$work/riders.jsonl"
small riders density

{ request 0 first 220; request 5 split 90,60,300; request 10 long 290; request 20 long 280; request 30 short 90; } \
  >"$work/splitting.jsonl"
small splitting fcfs,density

{ for ((i = 0; i < 10; ++i)); do request "$i" short 75; done
  request 10 old 200
  for ((i = 10; i < 400; ++i)); do request "$i" short 75; done; } >"$work/lane.jsonl"
small lane sjf,density --param density.lane_after_seconds=0.1 --param density.lane_share=0.2

picture strategies --workload seedopen --rho 0.6 --requests 20000 --strategies fcfs,density --draw-requests 120 -- --width 1000
