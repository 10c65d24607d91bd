#!/usr/bin/env bash
# Prometheus takes the configuration and the rules, every alert fires when it should, and each has a test and a runbook.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
skip_unless promtool

cd "$ROOT/deploy/prometheus"
promtool check config prometheus.yml
promtool test rules tests/*.yml

while read -r alert; do
  # A test that expects it to fire has exp_labels below its name; an empty exp_alerts is on the same line.
  grep -q -- "- alertname: $alert$" tests/*.yml || fail "no test makes the alert $alert fire"
  grep -q "^          runbook: docs/OPERATIONS.md#${alert,,}$" rules/*.yml || fail "the alert $alert names no runbook"
  grep -q "^### $alert$" ../../docs/OPERATIONS.md || fail "docs/OPERATIONS.md has no runbook for the alert $alert"
done < <(sed -n 's/^ *- alert: //p' rules/*.yml)
