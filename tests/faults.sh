#!/usr/bin/env bash
# Runs jobs while faults strike at random moments, and counts what went wrong. `-h` tells more.
set -euo pipefail

cd -- "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
# shellcheck source=dev/venv.sh
. dev/venv.sh

ensure_venv .venv-test "[test]" >&2
PATH=$PWD/.venv-test/bin:$PATH # the service that is started is found there
PYTHONPATH=$PWD/tests:$PWD exec python -m fault_rounds "$@"
