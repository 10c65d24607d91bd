#!/usr/bin/env bash
# latency_by_load.sh LOADGEN [REQUESTS [FOLDER]]: simulates the workload seedopen at growing load and draws
# latency_by_load.png into FOLDER, or beside this file; with the 200,000 requests of the document it takes about two
# minutes. A point where a strategy did not keep up (more than 1 % of the time to drain what is left at the end) is left
# out: its figures would only tell how long was simulated.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
loadgen=$(realpath "${1:?usage: latency_by_load.sh LOADGEN [REQUESTS [FOLDER]]}")
requests=${2:-200000}
cd "${3:-$here}"

for rho in 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1.0 1.1 1.2 1.3 1.4 1.5 1.6 1.7 1.8 1.9 2.0; do
  "$loadgen" simulate --workload seedopen --rho "$rho" --requests "$requests" --seed 1 --format json --progress none \
    --allow-unstable --strategies fcfs,fair,sjf,weighted_fair,density 2>/dev/null |
    jq -r '.workload.rho as $rho | .results[] | select(.drain_seconds < 0.01 * .arrival_seconds)
      | [.strategy, $rho, .latency_ms.mean, .latency_ms.p99, .lower_bound_ms] | @tsv'
done >latency_by_load.tsv
gnuplot "$here/latency_by_load.gp"
