#!/usr/bin/env bash
# The dashboards are what the generator writes, and have none of the faults that scripts/checks/dashboards.mjs looks
# for.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
skip_unless node
skip_unless promtool

cd "$ROOT"
node grafana/generate.mjs --check
[[ -d scripts/checks/node_modules ]] || {
  printf 'skipped: npm ci --prefix scripts/checks has not been run\n' >&2
  exit 77
}
node scripts/checks/dashboards.mjs

# The provisioned data source is of the type that the dashboards need, and has a fixed uid.
grep -q '^    uid: smartbatch-prometheus$' grafana/provisioning/datasources/prometheus.yml ||
  fail "the provisioned data source has no fixed uid"
