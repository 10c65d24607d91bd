# Reads config.proto and writes a table for each message, with the comment of each field as it stands there.
/^\/\/ / { line = $0; sub(/^\/\/ /, "", line); about = about (about == "" ? "" : " ") line; next }
/^message / { printf "\n`%s`: %s\n\n| field | type | what |\n|---|---|---|\n", $2, about; about = ""; next }
/^  \/\/ / { line = $0; sub(/^  \/\/ /, "", line); comment = comment (comment == "" ? "" : " ") line; next }
/^  .* = [0-9]+;$/ {
  declared = $0
  sub(/^ +/, "", declared); sub(/ = [0-9]+;$/, "", declared)
  sub(/^optional /, "", declared); sub(/^repeated /, "repeated ", declared)
  name = declared; sub(/^.* /, "", name)
  sub(/ [^ ]*$/, "", declared)
  gsub(/\|/, "\\|", comment)
  printf "| `%s` | %s | %s |\n", name, declared, comment
  comment = ""
  next
}
/^$/ { about = "" }
