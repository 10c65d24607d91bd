#!/usr/bin/env bash
# schemas.sh BIN: the JSON that loadgen run, compare and simulate write is valid by the published schemas, and a file
# that is not valid is found.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: schemas.sh BIN"
skip_unless node
[[ -d $ROOT/scripts/checks/node_modules ]] || {
  printf 'skipped: npm ci --prefix scripts/checks has not been run\n' >&2
  exit 77
}
loadgen=$(cd "$1" && pwd)/loadgen

work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
start_servers "$1" "$work" free

# 3 means that the machine was too busy for a valid result; the file is as good as any.
may_be_invalid() {
  local status=0
  "$@" || status=$?
  [[ $status == 0 || $status == 3 ]]
}
targets=(--target "$DATA" --admin-target "$ADMIN")
cd "$work"
may_be_invalid "$loadgen" run "${targets[@]}" --seconds 1 --slo 'A:p50<30s' --slo 'A:p99.9<1s' --results run >run.log
may_be_invalid "$loadgen" compare "${targets[@]}" --seconds 1 --repeats 2 --strategies fcfs,sjf --results compare >compare.log
"$loadgen" simulate --requests 2000 --strategies fcfs,adaptive --format json >simulation.json
"$loadgen" simulate --requests 20 --workload two-customers --strategies sjf --format json >short.json

"$loadgen" sweep --simulate --slo 'mouse:p90<2s' --strategies fcfs,sjf --results sweep --progress none >sweep.log
for workload in mixed burstyseed two-customers changing; do "$loadgen" workload show "$workload" >"$workload.json"; done

check() { node "$ROOT/scripts/checks/schemas.mjs" "$ROOT/docs/schemas/$1.schema.json" "${@:2}"; }
check summary run/*_summary.json compare/*_summary.json
check simulation simulation.json short.json
check sweep sweep/*_sweep.json
node "$ROOT/scripts/checks/schemas.mjs" "$ROOT/common/workload/workload.schema.json" \
  mixed.json burstyseed.json two-customers.json changing.json

# Controls: one field missing, one too many, one of another type.
for change in 'delete s.valid' 's.workloads[0].strategies[0].all.news = 1' 's.seed = "one"'; do
  node -e "const s = JSON.parse(require('fs').readFileSync(0)); $change; console.log(JSON.stringify(s))" \
    <"$(echo run/*_summary.json)" >wrong.json
  ! check summary wrong.json 2>/dev/null || fail "the check does not see: $change"
done
