#!/usr/bin/env bash
# grpcurl.sh BIN: the programs in BIN as somebody without our client sees them: reflection, health, a request,
# a change of strategy, and the statuses of what is wrong.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
[[ $# == 1 ]] || fail "usage: grpcurl.sh BIN"
skip_unless grpcurl
skip_unless jq

logs=$(mktemp -d)
trap 'stop_servers; rm -rf "$logs"' EXIT
start_servers "$1" "$logs" free

call() { grpcurl -plaintext -max-time 10 "$@"; }

expect "the data port lists its service" '^smartbatch\.proxy\.v1\.ProxyService$' call "$DATA" list
expect "the admin port lists its service" '^smartbatch\.proxy\.v1\.AdminService$' call "$ADMIN" list
expect "the classifier lists its service" '^smartbatch\.classifier\.v1\.ClassifierService$' call "$BACKEND" list
for address in "$DATA" "$ADMIN" "$BACKEND"; do
  expect "health at $address" SERVING call "$address" grpc.health.v1.Health/Check
done

classify=(smartbatch.proxy.v1.ProxyService/ProxyClassify)
answer=$(call -H 'x-customer-id: A' -d '{"sequences":["def foo(): pass","hello world"]}' "$DATA" "${classify[@]}")
[[ $(jq -r '[.results[].label] | join(",")' <<<"$answer") == 'code,not code' ]] || fail "wrong labels: $answer"
jq -e '(.proxyLatencyMs // .proxy_latency_ms) > 0 and .timings.strategy == "density" and .timings.batches == 1' <<<"$answer" >/dev/null ||
  fail "no timings: $answer"
printf 'ok   a request is classified and told what happened to it\n'

warned() { grep -c 'more than one customer calls, and the strategy density does not share between them' "$logs/proxy.log" || true; }
[[ $(warned) == 0 ]] || fail "one customer is more than one"
for customer in B C; do call -H "x-customer-id: $customer" -d '{"sequences":["x"]}' "$DATA" "${classify[@]}" >/dev/null; done
for _ in {1..50}; do
  [[ $(warned) == 0 ]] || break
  sleep 0.1
done
[[ $(warned) == 1 ]] || fail "the log does not say once that several customers share the default strategy: $(<"$logs/proxy.log")"
printf 'ok   the log says once that the default does not share between customers\n'

set_strategy=(smartbatch.proxy.v1.AdminService/SetStrategy)
mapfile -t strategies < <(call "$ADMIN" smartbatch.proxy.v1.AdminService/ListStrategies | jq -r '.strategies[].name')
[[ ${#strategies[@]} -gt 1 ]] || fail "ListStrategies names only: ${strategies[*]}"
for strategy in "${strategies[@]}"; do
  "$1/smartbatch-proxy" --help | grep -E '^Strategies: ' | grep -w "$strategy" >/dev/null || fail "--help does not name the strategy $strategy"
done
printf 'ok   --help names every strategy\n'
for strategy in "${strategies[@]}" density; do
  expect "the strategy is set to $strategy" "\"name\": \"$strategy\"" call -d "{\"strategy\":\"$strategy\"}" "$ADMIN" "${set_strategy[@]}"
  # One that follows another has its batches counted under that name.
  served_by=$(call "$ADMIN" smartbatch.proxy.v1.AdminService/GetStatus | jq -r '.decidingStrategy // .deciding_strategy')
  expect "requests are served by $served_by" "\"strategy\": \"$served_by\"" call -d '{"sequences":["x"]}' "$DATA" "${classify[@]}"
done

expect "the last decisions are told" '"reason": "' \
  call -d '{"limit":3}' "$ADMIN" smartbatch.proxy.v1.AdminService/ListDecisions
expect "without a file there is nothing to reload" 'Code: FailedPrecondition' \
  call "$ADMIN" smartbatch.proxy.v1.AdminService/ReloadConfig
expect "no sequence is refused" 'Code: InvalidArgument' call -d '{"sequences":[]}' "$DATA" "${classify[@]}"
expect "too many sequences are refused" 'Code: InvalidArgument' \
  call -d '{"sequences":["1","2","3","4","5","6"]}' "$DATA" "${classify[@]}"
expect "a bad customer is refused" 'Code: InvalidArgument' \
  call -H 'x-customer-id: not/allowed' -d '{"sequences":["x"]}' "$DATA" "${classify[@]}"
expect "an unknown strategy is refused, with the valid names" 'sjf' \
  call -d '{"strategy":"nosuch"}' "$ADMIN" "${set_strategy[@]}"
expect "an unknown strategy is an invalid argument" 'Code: InvalidArgument' \
  call -d '{"strategy":"nosuch"}' "$ADMIN" "${set_strategy[@]}"
expect "an old generation is refused" 'Code: Aborted' \
  call -d '{"strategy":"sjf","expected_generation":999}' "$ADMIN" "${set_strategy[@]}"
