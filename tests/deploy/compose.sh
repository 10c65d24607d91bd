#!/usr/bin/env bash
# The compose file, by itself and with those that go over it, parses, every image is pinned, every port is on loopback, and every container is hardened.
set -euo pipefail
# shellcheck source=tests/deploy/skip.sh
source "$(dirname "${BASH_SOURCE[0]}")/skip.sh"
python3 -c 'import yaml' 2>/dev/null || {
  printf 'skipped: python3-yaml is not installed\n' >&2
  exit 77
}
# shellcheck source=tests/deploy/compose_versions.sh
source "$ROOT/tests/deploy/compose_versions.sh"

cd "$ROOT"
# check EXTRA_SERVICES [FILE...]: docker-compose.yml with the files over it.
check() {
  local extra=$1 file files=(-f deploy/docker-compose.yml)
  shift
  for file in "$@"; do files+=(-f "deploy/docker-compose.$file.yml"); done
  $compose "${files[@]}" config --quiet
  $compose "${files[@]}" config | EXTRA=$extra python3 -c "$rules" || fail "the fault is in ${files[*]}"
  printf 'ok   %s: docker-compose.yml %s\n' "$($compose version --short)" "$*"
}
rules='
import os
import sys
import yaml

faults = []
services = yaml.safe_load(sys.stdin)["services"]
for name, service in services.items():
    image = service["image"]
    if ":" not in image or image.endswith(":latest"):
        faults.append(f"{name}: image {image} is not pinned")
    if not service.get("read_only"):
        faults.append(f"{name}: the root file system is not read-only")
    if "no-new-privileges:true" not in service.get("security_opt", []):
        faults.append(f"{name}: may gain privileges")
    if service.get("cap_drop") != ["ALL"]:
        faults.append(f"{name}: keeps capabilities")
    for port in service.get("ports", []):
        host = port.get("host_ip") if isinstance(port, dict) else port.split(":")[0]
        if host != "127.0.0.1":
            faults.append(f"{name}: port {port} is not on loopback")
    if "edge" in services and name == "proxy" and "SMARTBATCH_TLS_CLIENT_CA" not in service["environment"]:
        faults.append("proxy: takes calls past the edge")
    if name != "loadgen" and "healthcheck" not in service:
        faults.append(f"{name}: has no health check")
beyond_loopback = [flag for flag in services["proxy"]["command"] if flag.startswith("--admin-listen=0.0.0.0")]
for name in ("proxy", "loadgen") if beyond_loopback else ():
    sources = [secret["source"] if isinstance(secret, dict) else secret for secret in services[name].get("secrets", [])]
    if "admin-token" not in sources:
        faults.append(f"{name}: lacks the token of the admin port, which listens beyond loopback")
expected = {"classifier", "proxy", "prometheus", "grafana", "loadgen"}
if set(services) - set(os.environ["EXTRA"].split()) != expected:
    faults.append(f"services {sorted(services)}, expected {sorted(expected)}")
print(*faults, sep="\n", file=sys.stderr)
sys.exit(1 if faults else 0)
'
for compose in "${COMPOSES[@]}"; do
  check ''
  check 'classifier-b classifier-c' three-classifiers
  check '' tls
  check 'edge operators' tls edge
done
