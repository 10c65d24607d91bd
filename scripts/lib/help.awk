# Reads what a program's --help prints and writes one line for each flag, separated by tabs:
# names, type, default, allowed, description.
# A description stands on the line below its flag or, if the flag is short, behind it from column 31 on.
function flush() {
  if (head == "") return
  if (description == "") {
    description = substr(head, 31)
    head = substr(head, 1, 30)
  }
  sub(/^ +/, "", head); sub(/ +$/, "", head)
  names = head; sub(/ .*/, "", names)
  take_apart(substr(head, length(names) + 2))
  gsub(/,/, ", ", names)
  printf "%s\t%s\t%s\t%s\t%s\n", names, type, fallback, allowed, description
  head = ""
}
# `TYPE:CHECK=DEFAULT ... (Env:NAME) Excludes: --other`, or `TYPE (what is allowed)=DEFAULT ...`
function take_apart(text) {
  sub(/ *\(Env:[^)]*\)/, "", text)
  sub(/ *(Excludes|Needs): .*$/, "", text)
  sub(/ *REQUIRED/, "", text)
  sub(/ *\.\.\. *$/, "", text)
  type = text; fallback = ""; allowed = ""
  if (match(text, /=[^=]*$/) && text !~ /[A-Z]=[A-Z]+$/) {
    type = substr(text, 1, RSTART - 1)
    fallback = substr(text, RSTART + 1)
    gsub(/^\[|\]$/, "", fallback)
  }
  if (match(type, / \(.*\)$/)) {
    allowed = substr(type, RSTART + 2, RLENGTH - 3)
    type = substr(type, 1, RSTART - 1)
  } else if (match(type, /:[A-Z]+ in \[.*\]$/)) {
    allowed = substr(type, RSTART)
    type = substr(type, 1, RSTART - 1)
    sub(/^.*\[/, "", allowed); sub(/\]$/, "", allowed); sub(/ - /, " to ", allowed)
  } else if (match(type, /:\{.*\}$/)) {
    allowed = substr(type, RSTART + 2, RLENGTH - 3)
    type = substr(type, 1, RSTART - 1)
    gsub(/,/, ", ", allowed)
  } else if (sub(/:POSITIVE$/, "", type)) {
    allowed = "above 0"
  } else if (sub(/:NONNEGATIVE$/, "", type)) {
    allowed = "0 or more"
  }
}
/^Options:/ { inside = 1; next }
/^[^ ]/ || /^$/ { flush(); inside = 0 }
!inside { next }
/^  -/ { flush(); head = $0; description = ""; next }
/^ +[^ ]/ { line = $0; sub(/^ +/, "", line); description = description (description == "" ? "" : " ") line }
END { flush() }
