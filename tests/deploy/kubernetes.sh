#!/usr/bin/env bash
# The Kubernetes overlays build, and what they render has none of the faults that scripts/checks/kubernetes.mjs looks
# for. Then faults are planted: each must be found.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
skip_unless kustomize
skip_unless node
[[ -d $ROOT/scripts/checks/node_modules ]] || {
  printf 'skipped: npm ci --prefix scripts/checks has not been run\n' >&2
  exit 77
}

cd "$ROOT/deploy/kubernetes"
components/monitoring/generate --check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
secrets=(--secret smartbatch-proxy-tls --secret smartbatch-classifier-tls)
edge_secrets=(--secret smartbatch-edge-tls --secret smartbatch-customers-ca)
check() { node "$ROOT/scripts/checks/kubernetes.mjs" "${secrets[@]}" "$@"; }
for overlay in development production production-edge; do kustomize build "overlays/$overlay" >"$work/$overlay.yaml"; done
check "$work/development.yaml"
check "$work/production.yaml"
check "${edge_secrets[@]}" "$work/production-edge.yaml"

# Pairs of a fault (a sed expression) and the message that reports it.
planted=(
  's/readinessProbe:/readynessProbe:/' 'readynessProbe.* does not exist'
  's/jobLabel:/joblabel:/' 'joblabel.* does not exist'
  's/serviceName: classifier/serviceName: 7/' '/spec/serviceName'
  's/maxReplicas: 8/maxReplicas: many/' '/spec/maxReplicas'
  's/apiVersion: policy.v1$/apiVersion: policy\/v9/' 'there is no PodDisruptionBudget in policy/v9'
  's/terminationGracePeriodSeconds: 35/terminationGracePeriodSeconds: 30/' 'a grace period of 30 s is not above 0 s of preStop and 30 s'
  's/readOnlyRootFilesystem: true/readOnlyRootFilesystem: false/' 'not read-only'
  's/targetPort: metrics/targetPort: statistics/' 'no container has the port statistics'
  's/name: smartbatch_queue_sequences$/name: smartbatch_queue_length/' 'no rule serves smartbatch_queue_length'
  's/port: grpc$/port: rpc/' 'NetworkPolicy proxy: no container has the port rpc'
  's/^( {6,}name: proxy-config)-.*/\1/' 'there is no ConfigMap proxy-config$'
)
# The faults of the overlay with an edge.
planted_edge=(
  's/name: SMARTBATCH_TLS_CLIENT_CA/name: SMARTBATCH_TLS_CA/' 'Deployment proxy: asks for no certificate'
  's/(- podSelector:)$/- namespaceSelector: {}\n      podSelector:/' 'NetworkPolicy proxy: lets others than the edge in'
  's/port: state$/port: statistics/' 'Deployment edge: is not probed at one of its ports'
  's/name: smartbatch-customers-ca/name: smartbatch-customers/' 'nobody was told of the Secret smartbatch-customers$'
  's#image: envoyproxy/envoy:.*#image: envoyproxy/envoy#' 'image envoyproxy/envoy is not pinned'
  's/^( *)- "25"$/\1- "45"/' 'a grace period of 40 s is not above 45 s of preStop'
)

# find_planted OVERLAY [FAULT TOLD]...: plants all of them at once.
find_planted() {
  local overlay=$1 i said faults
  shift
  faults=("$@")
  cp "$work/$overlay.yaml" "$work/planted.yaml"
  for ((i = 0; i < ${#faults[@]}; i += 2)); do
    cp "$work/planted.yaml" "$work/before.yaml"
    sed -i -E "${faults[i]}" "$work/planted.yaml"
    ! cmp --quiet "$work/before.yaml" "$work/planted.yaml" || fail "the fault ${faults[i]} changes nothing"
  done
  ! said=$(check "${edge_secrets[@]}" "$work/planted.yaml" 2>&1) || fail "planted faults are not found"
  for ((i = 1; i < ${#faults[@]}; i += 2)); do
    grep -q -- "${faults[i]}" <<<"$said" || fail "not found: ${faults[i]}; reported was"$'\n'"$said"
  done
  printf 'ok   %s: %d planted faults are found\n' "$overlay" $((${#faults[@]} / 2))
}
find_planted production "${planted[@]}"
find_planted production-edge "${planted_edge[@]}"
