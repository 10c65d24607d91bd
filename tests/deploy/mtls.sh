#!/usr/bin/env bash
# mtls.sh BIN: the programs in BIN over mutual TLS, as grpcurl and loadgen see them: the right and the wrong
# certificate, token and customer with the status of each, and certificates that are replaced while the proxy runs.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
# shellcheck source=scripts/lib/servers.sh
source "$ROOT/scripts/lib/servers.sh"
# shellcheck source=tests/deploy/certificates.sh
source "$ROOT/tests/deploy/certificates.sh"
[[ $# == 1 ]] || fail "usage: mtls.sh BIN"
skip_unless grpcurl
skip_unless openssl
skip_unless curl
bin=$(realpath "$1")

work=$(mktemp -d)
trap 'stop_servers; rm -rf "$work"' EXIT
cd "$work"

# refused_to_start WHAT PATTERN PROGRAM FLAG...: ends with exit code 2 and one line of that pattern.
refused_to_start() {
  local what=$1 pattern=$2 program=$3 output status=0
  shift 3
  output=$(timeout 20 "$bin/$program" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 "$@" 2>&1) || status=$?
  if [[ $status != 2 || $(wc -l <<<"$output") != 1 ]] || ! grep -qE "$pattern" <<<"$output"; then
    fail "$what: expected exit code 2 and one line with $pattern, got $status: $output"
  fi
  printf 'ok   %s\n' "$what"
}

make_authority servers && make_authority customers && make_authority operators && make_authority strangers
make_authority scrapers && make_certificate scrapers prometheus prometheus.test DNS:prometheus.test
make_certificate servers proxy proxy.test DNS:proxy.test
make_certificate servers classifier classifier.test DNS:classifier.test
make_certificate customers a a.test 'DNS:a.test,URI:spiffe://test/a'
make_certificate customers b b.test
make_certificate operators operator operator.test DNS:operator.test
make_certificate operators intern intern.test DNS:intern.test
make_certificate strangers stranger a.test DNS:a.test
openssl rand -hex 32 >token
cat >proxy.textproto <<'TEXT'
tls { admin_client_names: "operator.test" }
customers { name: "A" weight: 3 certificate_names: "spiffe://test/a" }
customers { name: "B" certificate_names: "b.test" }
TEXT

start_server classifier "$work" "$bin/smartbatch-classifier" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 \
  --tls-cert classifier.pem --tls-key classifier.key --tls-client-ca servers.pem
BACKEND=$(ready_value classifier.out listen)
proxy_flags=(--config proxy.textproto --backend "$BACKEND" --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0
  --tls-cert proxy.pem --tls-key proxy.key --tls-client-ca customers.pem
  --backend-ca servers.pem --backend-server-name classifier.test)
# On all addresses, as only a protected port may be; called on loopback.
start_server proxy "$work" "$bin/smartbatch-proxy" "${proxy_flags[@]}" --admin-listen 0.0.0.0:0 \
  --admin-client-ca operators.pem --admin-token-file token \
  --metrics-tls-cert proxy.pem --metrics-tls-key proxy.key --metrics-client-ca scrapers.pem
DATA=$(ready_value proxy.out listen)
ADMIN=127.0.0.1:$(ready_value proxy.out admin | sed 's/.*://')

# call WHO ADDRESS METHOD [grpcurl's flags]: with WHO's certificate, or with none.
call() {
  local flags=(-cacert servers.pem -servername proxy.test -max-time 10)
  [[ $1 == nobody ]] || flags+=(-cert "$1.pem" -key "$1.key")
  grpcurl "${flags[@]}" "${@:4}" "$2" "$3"
}
classify() { call "$1" "$DATA" smartbatch.proxy.v1.ProxyService/ProxyClassify -d '{"sequences":["x"]}' "${@:2}"; }
get_strategy() { call "$1" "$ADMIN" smartbatch.proxy.v1.AdminService/GetStrategy "${@:2}"; }
bearer=(-H "authorization: Bearer $(<token)")

# Customers.
expect "a customer with its certificate is answered, over TLS to the classifier too" '"label"' \
  classify a -H 'x-customer-id: A'
expect "a certificate without alternative names is known by its common name" '"label"' classify b -H 'x-customer-id: B'
expect "a name that is bound to no certificate is free" '"label"' classify b -H 'x-customer-id: C'
expect "another customer's certificate is denied" 'Code: PermissionDenied' classify b -H 'x-customer-id: A'
expect "the alias of the header is no way around it" 'Code: PermissionDenied' \
  classify b -H 'x-gateway-inference-fairness-id: A'
no_connection='Failed to dial|Code: Unavailable|connection error|certificate required|unknown certificate'
expect "a certificate of another authority does not get in" "$no_connection" classify stranger -H 'x-customer-id: A'
expect "without a certificate nobody gets in" "$no_connection" classify nobody -H 'x-customer-id: A'
expect "an operator's certificate is no customer's" "$no_connection" classify operator
expect "without TLS nobody gets in" "$no_connection|deadline exceeded" \
  grpcurl -plaintext -connect-timeout 3 "$DATA" grpc.health.v1.Health/Check
expect "the proxy's own certificate is checked" "$no_connection" \
  grpcurl -cacert strangers.pem -servername proxy.test -cert a.pem -key a.key "$DATA" list
expect "the classifier asks the proxy for its certificate" "$no_connection" \
  grpcurl -cacert servers.pem -servername classifier.test "$BACKEND" list
for pair in "customers $DATA a" "operators $ADMIN operator"; do
  read -r what address who <<<"$pair"
  expect "the health that $what ask for is open" SERVING call "$who" "$address" grpc.health.v1.Health/Check
done

# Operators.
expect "an operator with certificate and token is answered" '"name"' get_strategy operator "${bearer[@]}"
expect "without the token it is not" 'Code: Unauthenticated' get_strategy operator
expect "nor with a wrong one" 'Code: Unauthenticated' \
  get_strategy operator -H "authorization: Bearer $(openssl rand -hex 32)"
expect "nor with two" 'Code: Unauthenticated' get_strategy operator "${bearer[@]}" -H 'authorization: Bearer x'
expect "nor with another scheme" 'Code: Unauthenticated' get_strategy operator -H "authorization: Basic $(<token)"
expect "a certificate that is not an operator's is denied" 'Code: PermissionDenied' get_strategy intern "${bearer[@]}"
expect "a customer's certificate does not get in" "$no_connection" get_strategy a "${bearer[@]}"
for method in SetStrategy GetStrategy ListStrategies GetStatus ListDecisions ReloadConfig; do
  expect "$method asks for the token" 'Code: Unauthenticated' \
    call operator "$ADMIN" "smartbatch.proxy.v1.AdminService/$method"
done

# Metrics.
scrape() {
  local port
  port=$(ready_value proxy.out metrics | sed 's/.*://')
  curl -sSf --max-time 10 --cacert servers.pem --resolve "proxy.test:$port:127.0.0.1" "${@:2}" \
    "$1://proxy.test:$port/metrics"
}
expect "whoever scrapes with a certificate is answered" \
  'grpc_server_handled_total\{.*grpc_code="PermissionDenied".*\} 2$' scrape https --cert prometheus.pem --key prometheus.key
expect "a customer's certificate is not good for that" 'curl: \(' scrape https --cert a.pem --key a.key
expect "nor is none" 'curl: \(' scrape https
expect "nor is a call without TLS" 'curl: \(' scrape http

# loadgen.
secure=(--tls --ca servers.pem --server-name proxy.test)
expect "loadgen probes with a certificate" SERVING \
  "$bin/loadgen" probe --target "$DATA" "${secure[@]}" --cert b.pem --key b.key
expect "loadgen sets the strategy with certificate and token" 'sjf' "$bin/loadgen" strategy set sjf \
  --admin-target "$ADMIN" "${secure[@]}" --cert operator.pem --key operator.key --token-file token
expect "loadgen is told that it sends no token" 'has no token.*--token-file' "$bin/loadgen" strategy get \
  --admin-target "$ADMIN" "${secure[@]}" --cert operator.pem --key operator.key

# A proxy that asks only for the token, without TLS.
start_server plain "$work" "$bin/smartbatch-proxy" --backend 127.0.0.1:1 --listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0 --admin-listen 0.0.0.0:0 --admin-token-file token
PLAIN_ADMIN=127.0.0.1:$(ready_value plain.out admin | sed 's/.*://')
expect "a token alone is enough if the proxy asks for nothing else" 'density' "$bin/loadgen" strategy get \
  --admin-target "$PLAIN_ADMIN" --token-file token
expect "its health needs no token" SERVING grpcurl -plaintext "$PLAIN_ADMIN" grpc.health.v1.Health/Check
expect "nor does reflection" AdminService grpcurl -plaintext "$PLAIN_ADMIN" list
expect "everything else does" 'Code: Unauthenticated' \
  grpcurl -plaintext "$PLAIN_ADMIN" smartbatch.proxy.v1.AdminService/GetStatus

# Files that are replaced while the proxy runs.
openssl rand -hex 32 >next-token && mv next-token token
expect "the old token is refused at once" 'Code: Unauthenticated' get_strategy operator "${bearer[@]}"
expect "the new one holds at once" '"name"' get_strategy operator -H "authorization: Bearer $(<token)"
bearer=(-H "authorization: Bearer $(<token)")
mv token token.away
expect "without the file nobody gets in" 'Code: Unauthenticated' get_strategy operator "${bearer[@]}"
mv token.away token

sed -i 's/"b.test"/"elsewhere.test"/' proxy.textproto
call operator "$ADMIN" smartbatch.proxy.v1.AdminService/ReloadConfig "${bearer[@]}" >/dev/null
expect "a reload takes a right away" 'Code: PermissionDenied' classify b -H 'x-customer-id: B'

# serial_of ADDRESS: the serial number of the certificate that the proxy shows.
# Without a pipe: the second command ends early, and the first would be ended by a signal.
serial_of() {
  openssl s_client -connect "$1" -servername proxy.test -cert a.pem -key a.key </dev/null >shown.txt 2>/dev/null || true
  openssl x509 -noout -serial <shown.txt
}
# becomes WHAT COMMAND...: succeeds within 15 s.
becomes() {
  local what=$1
  shift
  for _ in {1..150}; do
    if "$@" >/dev/null 2>&1; then
      printf 'ok   %s\n' "$what"
      return
    fi
    sleep 0.1
  done
  fail "$what: not within 15 s"
}
before=$(serial_of "$DATA")
[[ -n $before ]] || fail "the proxy shows no certificate"
make_certificate servers next proxy.test DNS:proxy.test
mv next.key proxy.key && mv next.pem proxy.pem
is_replaced() { [[ $(serial_of "$DATA") == serial=* && $(serial_of "$DATA") != "$before" ]]; }
becomes "a client sees the new certificate" is_replaced
expect "and is answered; the classifier sees it too" '"label"' classify a -H 'x-customer-id: A'

# Another authority for customers, with a certificate of its own.
make_authority next-customers
make_certificate next-customers next-a a.test 'URI:spiffe://test/a'
expect "an authority that is not known is refused" "$no_connection" classify next-a -H 'x-customer-id: A'
mv next-customers.pem customers.pem
becomes "once it is known it is let in" classify next-a -H 'x-customer-id: A'
expect "and the one it replaced no longer is" "$no_connection" classify a -H 'x-customer-id: A'

# A key without its certificate: the old pair stays in use until both are there.
make_certificate servers last proxy.test DNS:proxy.test
before=$(serial_of "$DATA")
mv last.key proxy.key
is_rejected() { scrape https --cert prometheus.pem --key prometheus.key | grep '^smartbatch_certificate_last_reload_successful{file=".*proxy.pem"} 0' >/dev/null; }
becomes "a key without its certificate is told in a metric" is_rejected
expect "and keeps nobody out" '"label"' classify next-a -H 'x-customer-id: A'
mv last.pem proxy.pem
becomes "once its certificate is there a client sees it" is_replaced
expect "and is answered with it" '"label"' classify next-a -H 'x-customer-id: A'

# Programs that refuse to start.
refused_to_start "an admin port for everybody is refused" \
  'admin-listen is 0\.0\.0\.0:0; .*--admin-client-ca.*--admin-token-file.*127\.0\.0\.1' smartbatch-proxy --admin-listen 0.0.0.0:0
printf "short\n" >short-token
refused_to_start "a token that is too short is refused" 'holds no token' smartbatch-proxy --admin-token-file short-token
refused_to_start "a key that is not the certificate's is refused" 'does not match the certificate' \
  smartbatch-proxy --tls-cert proxy.pem --tls-key a.key
refused_to_start "a certificate that is not there is refused" "'none.pem' cannot be read" \
  smartbatch-proxy --tls-cert none.pem --tls-key a.key
refused_to_start "a certificate without its key is refused" 'give both a certificate and its key' smartbatch-classifier --tls-cert proxy.pem
refused_to_start "clients' certificates without TLS are refused" 'speaks no TLS' \
  smartbatch-classifier --tls-client-ca customers.pem
