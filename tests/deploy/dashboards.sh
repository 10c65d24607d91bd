#!/usr/bin/env bash
# The dashboards are what the generator writes, and without fault (scripts/checks/dashboards.mjs says what that is).
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

# The data source that is provisioned is of the kind that the dashboards ask for, under a fixed uid.
grep -q '^    uid: smartbatch-prometheus$' grafana/provisioning/datasources/prometheus.yml ||
  fail "the provisioned data source has no fixed uid"
