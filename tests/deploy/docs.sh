#!/usr/bin/env bash
# docs.sh BIN: what the documents show works. Relative links lead to files, scripts and programs that are named
# exist, and every grpcurl and curl command of README.md, run against the programs in BIN, succeeds.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: docs.sh BIN"
skip_unless grpcurl
skip_unless curl

cd "$ROOT"
documents=(*.md docs/*.md)
for document in "${documents[@]}"; do
  [[ -f $document ]] || continue
  while read -r link; do
    target=${link%%#*}
    [[ -z $target || $target == http*://* || $target == mailto:* || -e $(dirname "$document")/$target ]] ||
      fail "$document links to $target, which does not exist"
  done < <(grep -oE '\]\([^) ]+' "$document" | sed 's/^](//')
done
printf 'ok   links\n'

# The commands of the blocks marked sh, one a line, with lines that end in a backslash joined.
commands() {
  awk '/^```(sh|bash|console)$/ {inside = 1; next} /^```/ {inside = 0} inside' "$1" |
    sed -e ':join' -e '/\\$/ { N; s/\\\n */ /; b join' -e '}' -e 's/^\$ //'
}
logs=$(mktemp -d)
trap 'stop_servers; rm -rf "$logs"' EXIT
start_servers "$1" "$logs" free

run=0
while read -r command; do
  # The documents name the default ports; here the servers have others.
  actual=$(sed -E -e "s/(localhost|127\.0\.0\.1):50051/$DATA/g" -e "s/(localhost|127\.0\.0\.1):50052/$ADMIN/g" \
    -e "s/(localhost|127\.0\.0\.1):50061/$BACKEND/g" -e "s/(localhost|127\.0\.0\.1):9464/$PROXY_METRICS/g" \
    -e "s/(localhost|127\.0\.0\.1):9465/$CLASSIFIER_METRICS/g" <<<"$command")
  output=$(bash -euo pipefail -c "$actual" 2>&1) || fail "README.md shows: $command"$'\n'"$output"
  run=$((run + 1))
done < <(commands README.md | grep -E '^(grpcurl|curl) ')
[[ $run -gt 0 ]] || fail "README.md shows no grpcurl or curl command"
printf 'ok   %d commands of README.md\n' "$run"
