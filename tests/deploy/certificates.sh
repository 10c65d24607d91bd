# shellcheck shell=bash
# Certificates for the checks of this folder, made by openssl and valid for a day. Sourced.

# make_authority NAME: makes NAME.pem, signed by itself, and NAME.key.
make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj "/CN=$1" \
    -keyout "$1.key" -out "$1.pem" 2>/dev/null
}

# make_certificate AUTHORITY FILE COMMON_NAME [ALTERNATIVE_NAMES]: makes FILE.pem and FILE.key.
make_certificate() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$3" \
    -keyout "$2.key" -out "$2.request" 2>/dev/null
  openssl x509 -req -in "$2.request" -CA "$1.pem" -CAkey "$1.key" -CAcreateserial -days 1 -out "$2.pem" \
    -extfile <(printf 'basicConstraints=CA:FALSE\n%s\n' "${4:+subjectAltName=$4}") 2>/dev/null
}
