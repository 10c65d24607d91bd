#!/usr/bin/env bash
# demo.sh BIN: `scripts/demo --quick --keep` with the programs in BIN, which build/release must hold. It ends its comparison,
# keeps the system running, and every command and link that it then prints works; when it is ended nothing of it is left.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
[[ $# == 1 ]] || fail "usage: demo.sh BIN"
skip_unless curl
skip_unless gnuplot
bin=$(realpath "$1")
preset=${bin%/bin}
[[ ${preset##*/} == release ]] || {
  printf 'skipped: scripts/demo builds the preset release, and %s is none\n' "$bin" >&2
  exit 77
}

work=$(mktemp -d)
demo=
end() {
  [[ -z $demo ]] || kill -TERM "$demo" 2>/dev/null || true
  rm -rf "$work"
}
trap end EXIT
cd "$work"

SMARTBATCH_BUILD_ROOT=${preset%/*} "$ROOT/scripts/demo" --no-install --quick --keep --results "$work/results" \
  "$ROOT/CONTRIBUTING.md" >demo.out 2>demo.log &
demo=$!
for _ in {1..180}; do
  ! grep -q 'In front of your own model' demo.log || break
  kill -0 "$demo" 2>/dev/null || fail "the demo ended: $(tail -n 20 demo.log)"
  sleep 1
done
sed -n '/^==> Try it out/,$p' demo.log >next
grep -q 'until Ctrl-C' next || fail "after 180 s the demo does not say what to try: $(tail -n 5 demo.log)"
[[ -s $(echo results/*_latency_comparison.png) ]] || fail "there is no picture of the comparison"
printf 'ok   the demo compares, and goes on running\n'

run=0
cp "$ROOT/README.md" .
while read -r command; do
  # What would take minutes takes a second.
  command=${command/--seconds 300/--seconds 1 --warm-up-seconds 0 --max-dispatch-delay-ms 1000 --progress none}
  bash -euo pipefail -c "$command" >"command.out" 2>&1 || fail "the demo shows: $command"$'\n'"$(<command.out)"
  run=$((run + 1))
done < <(sed -n 's/^  //p' next)
[[ $run -ge 7 ]] || fail "only $run commands are shown"
links=0
while read -r link; do
  curl -sf "$link" >page.html || fail "the demo shows $link, which does not answer"
  links=$((links + 1))
done < <(grep -oE 'https?://[^ ]+' next | sort -u)
[[ $links -ge 1 ]] || fail "no link is shown"
printf 'ok   %d commands and %d links that it shows\n' "$run" "$links"

address=$(grep -oE 'http://127\.0\.0\.1:[0-9]+' next | head -n 1)
kill -TERM "$demo"
wait "$demo" || true
demo=
! curl -s --max-time 2 "$address/" >/dev/null || fail "the proxy is still there"
printf 'ok   nothing is left of it\n'
