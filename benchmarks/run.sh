#!/usr/bin/env bash
# Measures pfcon on this machine beside other programs. `-h` tells more.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
# shellcheck source=dev/venv.sh
. dev/venv.sh

for option; do
    case $option in
        -h | --help)
            python=$(find_python)
            exec "$python" -m benchmarks -h ;;
    esac
done

VENV=.venv-test # the tests' own, whose helpers start the servers
log=$(mktemp)
trap 'rm -f -- "$log"' EXIT
ensure_venv "$VENV" '[test]' "$log" >&2
"$VENV/bin/python" -m benchmarks "$@"
