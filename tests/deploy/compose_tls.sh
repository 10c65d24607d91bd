#!/usr/bin/env bash
# compose_tls.sh [--no-build]: docker-compose.tls.yml under a real Docker engine, Grafana aside, with the certificates
# that deploy/certificates makes and a token of its own. Everything comes up healthy in order; callers from the machine
# and from the compose network get in with the right certificates, and not without them; loadgen uses every strategy
# over TLS; `docker-compose stop` of everything drains without losing a request. Needs the ports that the compose file
# publishes. Leaves nothing behind but images.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
skip_unless grpcurl
skip_unless openssl
# shellcheck source=tests/deploy/compose_project.sh
source "$ROOT/tests/deploy/compose_project.sh"

# The containers' user can read the files even if the shell's umask makes new files private.
(umask 077 && deploy/certificates "$WORK/certificates")
deploy/certificates "$WORK/strangers"
openssl rand -hex 32 >"$WORK/token"
chmod 644 "$WORK/token"
export CERTIFICATES=$WORK/certificates ADMIN_TOKEN_FILE=$WORK/token STRATEGIES='fcfs sjf' SECONDS_EACH=5
FILES+=(-f deploy/docker-compose.tls.yml)
LOADGEN+=(--tls --ca /run/certificates/authority.pem --server-name proxy)
MOUNTS=(--volume "$WORK/token:/token:ro" --volume "$CERTIFICATES:/run/certificates:ro")

up_in_order
locked_up classifier proxy loadgen prometheus

# --- From the machine ---
data=127.0.0.1:50051 admin=127.0.0.1:50052
classify=("$data" smartbatch.proxy.v1.ProxyService/ProxyClassify)
get_strategy=("$admin" smartbatch.proxy.v1.AdminService/GetStrategy)
trust=(-cacert "$CERTIFICATES/authority.pem" -servername proxy -max-time 10)
request=(-d '{"sequences":["def foo(): pass"]}')
no_connection='Failed to dial target host'
expect "a customer who knows the authority is answered" '"label": "code"' grpcurl "${trust[@]}" "${request[@]}" "${classify[@]}"
expect "by the address alone too" '"label": "code"' \
  grpcurl -cacert "$CERTIFICATES/authority.pem" "${request[@]}" "localhost:50051" "${classify[1]}"
expect "another authority's certificate would be refused" 'certificate signed by unknown authority' \
  grpcurl -cacert "$WORK/strangers/authority.pem" -servername proxy "${request[@]}" "${classify[@]}"
expect "so would another name's" 'certificate is valid for proxy, localhost, not classifier' \
  grpcurl -cacert "$CERTIFICATES/authority.pem" -servername classifier "${request[@]}" "${classify[@]}"
for address in "$data" "$admin"; do
  expect "without TLS nobody gets in at $address" "$no_connection" \
    grpcurl -plaintext -connect-timeout 3 "$address" grpc.health.v1.Health/Check
done
expect "an operator with the token is answered" '"name"' \
  grpcurl "${trust[@]}" -H "authorization: Bearer $(<"$WORK/token")" "${get_strategy[@]}"
expect "without the token it is not" 'Code: Unauthenticated' grpcurl "${trust[@]}" "${get_strategy[@]}"
expect "nor with the published one" 'Code: Unauthenticated' \
  grpcurl "${trust[@]}" -H "authorization: Bearer $(<deploy/development-admin-token)" "${get_strategy[@]}"

# --- From the compose network ---
[[ -z $(docker port "$(container classifier)") ]] || fail "the classifier can be reached from outside the compose network"
# probe_classifier FLAG...: probes from the proxy's container; prints the output and then the exit code.
probe_classifier() {
  docker exec "$(container proxy)" loadgen probe --target classifier:50061 "$@" && printf 'exit code 0\n' || printf 'exit code %d\n' $?
}
trust=(--tls --ca /run/certificates/authority.pem --server-name classifier)
expect "the classifier answers a caller with the proxy's certificate" 'exit code 0' \
  probe_classifier "${trust[@]}" --cert /run/certificates/proxy.pem --key /run/certificates/proxy.key
expect "it answers nobody without a certificate" 'exit code 1' probe_classifier "${trust[@]}"
expect "nor without TLS" 'exit code 1' probe_classifier

# --- loadgen and Prometheus ---
for strategy in $STRATEGIES; do
  becomes 60 1 "sum(smartbatch_requests_total{strategy=\"$strategy\",code=\"OK\"})" ||
    fail "loadgen gets no answer under $strategy: $(last_words loadgen)"
  printf 'ok   loadgen over TLS: %s requests answered under %s so far\n' "$VALUE" "$strategy"
done
becomes 30 3 'sum(up)' || fail "Prometheus does not scrape proxy, classifier and loadgen: ${VALUE:-nothing}"
failed=$(ask 'sum(smartbatch_requests_total{code!="OK"}) - sum(smartbatch_requests_total{code="CANCELLED"})')
[[ $failed == 0 ]] || fail "$failed requests of loadgen failed"
printf 'ok   Prometheus has proxy, classifier and loadgen; no request failed\n'

stops_without_a_lost_request classifier proxy loadgen prometheus
