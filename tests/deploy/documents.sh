# shellcheck shell=bash
# What the documents show, to be run by the checks of this folder. Sourced.

# The commands of the blocks marked sh, one a line, with lines that end in a backslash joined.
commands() {
  awk '/^```(sh|bash|console)$/ {inside = 1; next} /^```/ {inside = 0} inside' "$1" |
    sed -e ':join' -e '/\\$/ { N; s/\\\n */ /; b join' -e '}' -e 's/^\$ //'
}
# code_block DOCUMENT TEXT: the first block marked python that has the text.
code_block() {
  awk -v text="$2" '
    /^```python$/ { inside = 1; block = ""; next }
    /^```/ { if (inside && index(block, text)) { printf "%s", block; exit } inside = 0 }
    inside { block = block $0 "\n" }' "$1"
}
