# shellcheck shell=bash
# The check `fuzz`: every kept input is played again, then new ones are made up. Sourced by checks.sh.

# How many inputs each target makes up: about 20 s of one core.
declare -A FUZZ_RUNS=(
  [admin-parameters]=600000
  [caller]=250000
  [classifier-request]=200000
  [config]=100000
  [decision-log]=60000
  [expressions]=90000
  [open-inference]=120000
  [scheduler]=5000
  [trace]=400000
  [workload]=220000
)
# Only so that it ends. Inputs that are left out here are played in CI, so that is reported.
FUZZ_MOST_SECONDS=1800
FUZZ_LIMITS=(-timeout=30 -rss_limit_mb=1500)

# at_fixed_addresses COMMAND...: runs it with no environment, and without random addresses if the machine allows that.
# Hash tables and comparisons of pointers, which affect the inputs that libFuzzer makes up, are then the same in every run.
at_fixed_addresses() {
  local fixed=(setarch -R)
  "${fixed[@]}" true 2>/dev/null || fixed=()
  env -i PATH=/usr/bin:/bin "${fixed[@]}" "$@"
}

# fuzz_broke NAME LOG INPUT: says what broke, and prints a line that plays the input again, here or on any machine.
fuzz_broke() {
  local name=$1 log=$2 input=$3 program=build/asan/tests/fuzz-$1 kept
  { grep -aE 'broken:|ERROR:|runtime error:|SUMMARY:' -A 1 "$log" || tail -n 20 "$log"; } | head -n 20 >&2
  say "fuzz: $name broke (the whole output: $log)"
  [[ -f $input ]] || return 0
  kept=tests/fuzz/corpus/$name/$(basename "$input")
  say "Play it again, and keep it under a name that says what it is:"
  say "  echo $(base64 -w 0 "$input") | base64 -d >$kept; $program $kept"
}

# fuzz_kept NAME PROGRAM LOG: plays every kept input.
fuzz_kept() {
  local name=$1 program=$2 log=$3
  "$program" "${FUZZ_LIMITS[@]}" "tests/fuzz/corpus/$name"/* >"$log" 2>&1 && return
  fuzz_broke "$name" "$log" "$(sed -n 's/^Running: //p' "$log" | tail -n 1)"
  return 1
}

# fuzz_new NAME PROGRAM FOLDER: makes up inputs from the kept ones. Without SMARTBATCH_FUZZ_SECONDS a seed gives the same
# inputs everywhere, so that what passed once passes in CI; all names are relative, since their length changes addresses.
fuzz_new() {
  local name=$1 program=$2 folder=$3/$1 log=$3/$1.log status=0 arguments made
  [[ -n ${FUZZ_RUNS[$name]-} ]] || die "fuzz: say in scripts/lib/fuzzing.sh how often the target $name runs"
  rm -rf "$folder/kept"
  [[ -n ${SMARTBATCH_FUZZ_SECONDS-} ]] || rm -rf "$folder/new"
  mkdir -p "$folder"/{kept,new,found}
  cp "tests/fuzz/corpus/$name"/* "$folder/kept"
  if [[ -n ${SMARTBATCH_FUZZ_SECONDS-} ]]; then
    arguments=(-seed="${SMARTBATCH_FUZZ_SEED:-$RANDOM}" -max_total_time="$SMARTBATCH_FUZZ_SECONDS" new kept)
  else
    # A line end would be a part of the last name, and libFuzzer silently leaves out files that it cannot read.
    (cd "$folder" && printf '%s\n' kept/* | LC_ALL=C sort | paste -sd, | tr -d '\n' >seeds)
    arguments=(-seed="${SMARTBATCH_FUZZ_SEED:-1}" -runs="${FUZZ_RUNS[$name]}" -max_total_time="$FUZZ_MOST_SECONDS"
      -reload=0 -seed_inputs=@seeds new)
  fi
  ln -sf "$(realpath "$program")" "$folder/target"
  (cd "$folder" && at_fixed_addresses ./target "${FUZZ_LIMITS[@]}" -max_len=4096 -print_funcs=0 -print_final_stats=1 \
    -artifact_prefix=found/ "${arguments[@]}") >"$log" 2>&1 || status=$?
  if [[ $status != 0 ]]; then
    say "fuzz: $name, ${arguments[0]}"
    fuzz_broke "$name" "$log" "$folder/$(grep -ao -m 1 'found/[a-z]*-[0-9a-f]*' "$log" || echo none)"
    return 1
  fi
  made=$(grep -am 1 -o 'stat::number_of_executed_units: .*' "$log" | tr -dc 0-9)
  say "$name: $made inputs from ${arguments[0]#-}, $(grep -ao 'cov: [0-9]*' "$log" | tail -n 1 | tr -dc 0-9) edges"
  [[ -n ${SMARTBATCH_FUZZ_SECONDS-} || $made -ge ${FUZZ_RUNS[$name]} ]] ||
    say "$name: OF ${FUZZ_RUNS[$name]}: the machine is too slow for all of them"
}

fuzz_target() {
  local program=$1 folder=$2 name
  name=$(basename "$program") name=${name#fuzz-}
  fuzz_kept "$name" "$program" "$folder/$name-kept.log" && fuzz_new "$name" "$program" "$folder"
}

# Targets run in parallel, one on each core; a target that breaks does not stop the others.
check_fuzz() {
  setarch -R true 2>/dev/null ||
    say "fuzz: programs may not have fixed addresses here (setarch -R): another machine may make up other inputs"
  local folder=$BUILD_ROOT/fuzzing program failed=0 running=0
  need_packages "${BUILD_PACKAGES[@]}" "${CLANG_PACKAGES[@]}" || skip "the packages of the build with clang are missing"
  build asan fuzzers
  mkdir -p "$folder"
  for program in "$BUILD_ROOT"/asan/tests/fuzz-*; do
    if [[ $running -ge $(nproc) ]]; then
      wait -n || failed=1
      running=$((running - 1))
    fi
    fuzz_target "$program" "$folder" &
    running=$((running + 1))
  done
  while [[ $running -gt 0 ]]; do
    wait -n || failed=1
    running=$((running - 1))
  done
  return "$failed"
}
