#!/usr/bin/env bash
# Every threat of docs/SECURITY.md names a test, and every test that it names exists.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
cd "$ROOT"

# The names of all tests, as Suite.Name; a declaration may go over two lines.
tests=$(find tests -name '*_test.cc' -exec cat {} + | tr '\n' ' ' |
  grep -oE '\bTEST(_F|_P)?\([A-Za-z0-9_]+, +[A-Za-z0-9_]+\)' | sed -E 's/^TEST(_F|_P)?\(([^,]+), +([^)]+)\)/\2.\3/')

rows=0
while IFS= read -r row; do
  # shellcheck disable=SC2016 # the backquotes are Markdown's
  named=$(sed -E 's/ \|$//; s/.* \| //' <<<"$row" | grep -oE '`[^`]+`' | tr -d '`') || fail "no test is named: $row"
  while IFS= read -r test; do
    if [[ $test == tests/* ]]; then
      [[ -f $test ]] || fail "docs/SECURITY.md names $test, which does not exist"
    else
      grep -qxF "$test" <<<"$tests" || fail "docs/SECURITY.md names the test $test, which does not exist"
    fi
  done <<<"$named"
  rows=$((rows + 1))
done < <(awk '/^\| threat \|/ {inside = 1; getline; next} inside && !/^\|/ {exit} inside' docs/SECURITY.md)
[[ $rows -ge 20 ]] || fail "docs/SECURITY.md has a table of $rows threats; is its heading still '| threat |'?"
printf 'ok   %d threats, each with a test that exists\n' "$rows"
