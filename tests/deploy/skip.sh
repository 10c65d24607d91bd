# shellcheck shell=bash
# Helpers for the checks of this folder. Exit code 77 tells CTest and scripts/test that a check could not be made.

export ROOT
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
skip_unless() {
  command -v "$1" >/dev/null 2>&1 || {
    printf 'skipped: %s is not installed\n' "$1" >&2
    exit 77
  }
}
# skip_unless_packages FOLDER PATH...: each PATH, whose first part is the package, is in FOLDER.
skip_unless_packages() {
  local folder=$1 path
  shift
  for path; do
    [[ -e $folder/$path ]] || {
      printf 'skipped: there is no %s in %s\n' "${path%%/*}" "$folder" >&2
      exit 77
    }
  done
}
fail() {
  printf '%s\n' "$*" >&2
  exit 1
}
# expect WHAT PATTERN COMMAND...: fails unless the output of COMMAND, errors included, matches PATTERN.
expect() {
  local what=$1 pattern=$2 output
  shift 2
  output=$("$@" 2>&1) || true
  grep -qE "$pattern" <<<"$output" || fail "$what: expected $pattern, got: $output"
  printf 'ok   %s\n' "$what"
}
