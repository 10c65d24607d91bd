# shellcheck shell=bash
# What edge.sh asks of HTTP and JSON: at the customers' edge, and at the operators' Envoy. Sourced by it; its functions take the
# addresses (EDGE, EDGE_PORT, ADMIN) and files from there.

# --- JSON ---
# ask CUSTOMER PATH [curl's flags]: the answer, and on a line of its own HTTP's status.
ask() {
  curl -s --max-time 10 --cacert authority.pem --cert "$1.pem" --key "$1.key" --connect-to "edge:8443:$EDGE" \
    --write-out '\n%{http_code}\n' "https://edge:8443$2" "${@:3}"
}
check_json() {
  local before hog
  before=$(answered neighbour) hog=$(answered hog)
  ask neighbour /v1/classify -d '{"sequences":["def foo(): pass","hello world"]}' -H 'x-customer-id: hog' >answer
  [[ $(tail -n 1 answer) == 200 ]] || fail "POST /v1/classify: $(<answer)"
  sed '$d' answer | python3 -c '
import json, sys
answer = json.load(sys.stdin)
assert [result["label"] for result in answer["results"]] == ["code", "not code"], answer
assert answer["proxy_latency_ms"] > 0 and answer["timings"]["strategy"] == "density", answer' || fail "a wrong answer: $(<answer)"
  [[ $(answered neighbour) == $((before + 1)) && $(answered hog) == "$hog" ]] || fail "with JSON a customer passed for another one"
  printf 'ok   POST /v1/classify is answered, for the customer of the certificate\n'
  expect "what is wrong is named" '"field": "sequences"' ask neighbour /v1/classify -d '{"sequences":[]}'
  expect "a request that the proxy refuses is 400" '^400$' ask neighbour /v1/classify -d '{"sequences":[]}'
  expect "so is what is no JSON" '^400$' ask neighbour /v1/classify -d '{"sequences":'
  # It takes a second.
  printf '{"sequences":["%01000d"]}' 0 >slow
  expect "a deadline that cannot be met is 504" '^504$' ask neighbour /v1/classify -H 'grpc-timeout: 100m' -d @slow
  expect "a certificate without a name is nobody here too" '^400$' ask nameless /v1/classify -d @request
  printf '{"sequences":["%0131072d"]}' 0 >larger
  expect "what is larger than JSON may be is refused" '^413$' ask neighbour /v1/classify -d @larger
  expect "a method of gRPC takes no JSON" '^404$' \
    ask neighbour /smartbatch.proxy.v1.ProxyService/ProxyClassify -H 'content-type: application/json' -d @request
  for path in status strategy strategies decisions configuration:reload; do
    expect "customers have no /v1/$path" '^404$' ask neighbour "/v1/$path"
    expect "nor POST /v1/$path" '^404$' ask neighbour "/v1/$path" -d '{"strategy":"sjf"}'
  done
  ! curl -s --http1.1 --max-time 5 --cacert authority.pem --cert neighbour.pem --key neighbour.key \
    --connect-to "edge:8443:$EDGE" -d @request https://edge:8443/v1/classify || fail "the edge speaks HTTP/1.1"
}

# --- Operators ---
check_operators() {
  local port strategy token
  read -r port < <(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
  sed -e "s#/etc/smartbatch-edge#$PWD/one#; s#/run/certificates#$PWD#; s#0\.0\.0\.0, port_value: 8444#127.0.0.1, port_value: $port#" \
    -e "s#address: proxy, port_value: 50052#address: 127.0.0.1, port_value: ${ADMIN##*:}#" "$ROOT/deploy/edge/operators.yaml" \
    >one/operators.yaml
  ! grep -E '0\.0\.0\.0|port_value: (8444|50052)|/run/|/etc/' one/operators.yaml || fail "an address or a path of operators.yaml is not moved"
  envoy --config-path one/operators.yaml --concurrency 1 --disable-hot-restart >one/operators.log 2>&1 &
  SERVER_PIDS+=("$!")
  operate() { # operate PATH [curl's flags]
    curl -s --max-time 10 --cacert authority.pem --connect-to "edge:8444:127.0.0.1:$port" --write-out '\n%{http_code}\n' \
      "https://edge:8444$1" "${@:2}"
  }
  for _ in {1..100}; do
    ! operate /ready >/dev/null || break
    sleep 0.1
  done
  token="authorization: Bearer $(<token)"
  expect "without the token nobody sees the state" '^401$' operate /v1/status
  expect "nor sets a strategy" '^401$' operate /v1/strategy -d '{"strategy":"sjf"}'
  expect "a wrong token is none" '^401$' operate /v1/status -H 'authorization: Bearer wrong'
  expect "with it GET /v1/status answers" '"deciding_strategy": "density"' operate /v1/status -H "$token"
  for strategy in sjf density; do
    expect "POST /v1/strategy sets $strategy" '^200$' operate /v1/strategy -H "$token" -d "{\"strategy\":\"$strategy\"}"
    expect "and GET /v1/strategy tells it" "\"name\": \"$strategy\"" operate /v1/strategy -H "$token"
  done
  expect "what is no strategy is refused, and the others are named" 'weighted_fair' \
    operate /v1/strategy -H "$token" -d '{"strategy":"best"}'
  expect "GET /v1/strategies lists what can be set" '"linger_ms"' operate /v1/strategies -H "$token"
  expect "GET /v1/decisions tells the last batches" '"reason": "' operate '/v1/decisions?limit=3' -H "$token"
  expect "customers' calls do not come in here" '^404$' operate /v1/classify -H "$token" -d @request
  expect "operators may have HTTP/1.1" '^200$' operate /v1/status --http1.1 -H "$token"
  check_documents "$port"
}
# check_documents OPERATORS_PORT: the calls that docs/SECURITY.md shows, with this test's ports, certificates and token.
check_documents() {
  local command run=0
  while read -r command; do
    command=$(sed -e "s#deploy/certificates.local/customer#neighbour#g; s#deploy/certificates.local/##g" \
      -e "s#deploy/development-admin-token#token#; s#localhost:8443#localhost:$EDGE_PORT#; s#localhost:8444#localhost:$1#" <<<"$command")
    bash -euo pipefail -c "${command/#curl/curl -sf --max-time 10}" >answer || fail "docs/SECURITY.md shows what fails: $command"
    run=$((run + 1))
  done < <(grep '^curl ' "$ROOT/docs/SECURITY.md")
  [[ $run -ge 3 ]] || fail "docs/SECURITY.md shows only $run calls with curl"
  printf 'ok   %d calls of docs/SECURITY.md\n' "$run"
}
