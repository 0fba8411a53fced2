#!/usr/bin/env bash
# Makes an environment for the tests and runs everything that can run here. `-h` tells more.
set -euo pipefail

usage() {
    cat <<'END'
Usage: tests/run.sh [--checks|--tests] [--rerun] [--fuzz N] [--require "NAME..."|all] [--live kubernetes]
                    [PYTEST ARGUMENT]...

Makes the virtual environment .venv-test (once), and runs ruff, mypy, shellcheck where it is installed, the check that
the tables of docs/settings.md and docs/reasons.md and docs/openapi.json are current, and pytest. The end of the output names what was skipped
and why. The exit status is 0 only when all went well.

  --checks   all but pytest
  --tests    pytest alone
  --rerun    run each test that failed once more, alone; one that passes then is named as UNSTABLE and does not count as
             failed. At most 20 tests
  --require "docker docker-compose podman podman-rootless swarm slurm kubernetes kubectl postgresql registry swift s3
             operations_image mpi_image pfconclient4 cromwell zip unzip 7z bsdtar skopeo umoci
             unsquashfs chromium", some of these, or all
             what has to be there: without it, the tests that need it fail rather than being skipped. "ceph-swift
             ceph-s3", Ceph's radosgw, and "htcondor" count only by name
  --live kubernetes
             nothing but the tests that need a Kubernetes, on the cluster of KUBECONFIG; tests/engines/README.md tells
             what has to be there first
  --fuzz N   nothing but the fuzzer, with so many requests rather than its 2,000; 50,000 take about ten minutes
  -h         show this and exit

All other arguments are pytest's: tests/run.sh tests/unit -k archive
The tests of four files run at a time, most of them waiting; -n 0 runs one after the other, as --pdb needs it.
tests/engines/README.md tells how to start the engines. PYTHON names the Python.
END
}

ONLY_CHECKS=
ONLY_TESTS=
RERUN=
FAILED=()
SKIPPED=()

# check NAME COMMAND...: run one check and remember whether it failed.
check() {
    local name=$1
    shift
    printf '==> %s\n' "$name"
    "$@" || FAILED+=("$name")
}

# check_scripts: shellcheck on all shell scripts, where it is installed.
check_scripts() {
    if type -P shellcheck >/dev/null; then
        check shellcheck shellcheck -x make.sh unmake.sh dev/*.sh sample/*.sh tests/run.sh tests/faults.sh tests/engines/*.sh pfcon/compute/slurm/*.sh pfcon/compute/htcondor/*.sh tests/engines/kubernetes/*.sh tests/fakes/*.sh .ci/run
    else
        SKIPPED+=("shellcheck: it is not installed (Debian: apt install shellcheck)")
    fi
}

# run_pytest ARGUMENT...: the tests of four files at a time; with --rerun, those that failed once more. In the order of
# their names: by default, files of few tests run last, which are those that take minutes.
run_pytest() {
    local status=0 cache=.venv-test/pytest-cache
    rm -rf -- "$cache" # of an earlier run, which may have run other tests
    python -m pytest -n 4 --dist loadfile --no-loadscope-reorder -o "cache_dir=$cache" "$@" || status=$?
    if [ "$status" -eq 1 ] && [ -n "$RERUN" ]; then # 1: tests failed; pytest has other numbers for other faults
        status=0
        python dev/rerun.py "$cache" || status=$?
    fi
    return "$status"
}

# check_vulnerabilities: whether a known one is in what the lock files name; skipped where nobody can be asked.
check_vulnerabilities() {
    local status=0
    printf '==> known vulnerabilities\n'
    if ! ensure_tool .venv-tools tools; then
        SKIPPED+=("known vulnerabilities: pip-audit can't be installed")
        return
    fi
    .venv-tools/bin/python dev/audit.py || status=$?
    case $status in
        0) ;;
        3) SKIPPED+=("known vulnerabilities: THE PACKAGES WERE NOT CHECKED; the service that knows them does not answer") ;;
        *) FAILED+=("known vulnerabilities") ;;
    esac
}

# check_all: everything but pytest.
check_all() {
    check "ruff check" ruff check .
    check "ruff format" ruff format --check --output-format=concise .
    check mypy mypy
    check_scripts
    check_vulnerabilities
    check "tables of docs/settings.md" python -m pfcon.configuration.table --check docs/settings.md
    check "table of docs/reasons.md" python -m pfcon.reasons.page --check docs/reasons.md
    check "docs/openapi.json" python -m pfcon.api.openapi --check docs/openapi.json
}

# report: say what failed and what was skipped; fails when anything failed.
report() {
    local line
    for line in "${SKIPPED[@]}"; do
        printf 'skipped %s\n' "$line"
    done
    for line in "${FAILED[@]}"; do
        printf 'FAILED %s\n' "$line"
    done
    [ ${#FAILED[@]} -eq 0 ] && echo "all checks passed"
}

# live ENGINE: choose a user's own engine, and the tests that need it alone.
live() {
    if [ "$1" != kubernetes ]; then
        echo "--live knows kubernetes, not '$1'" >&2
        exit 2
    fi
    export PFCON_TEST_KUBECONFIG=${PFCON_TEST_KUBECONFIG:-${KUBECONFIG:-$HOME/.kube/config}}
    export PFCON_TEST_REQUIRE="${PFCON_TEST_REQUIRE:-} kubernetes"
    arguments+=(tests/contract tests/faults -k "kubernetes and not fake")
}

arguments=()
while [ $# -gt 0 ]; do
    case $1 in
        -h | --help)
            usage
            exit 0 ;;
        --checks) ONLY_CHECKS=1 ;;
        --tests) ONLY_TESTS=1 ;;
        --rerun) RERUN=1 ;;
        --require)
            [ $# -ge 2 ] || { usage >&2; exit 2; }
            export PFCON_TEST_REQUIRE=$2
            shift ;;
        --require=*) export PFCON_TEST_REQUIRE=${1#--require=} ;;
        --live)
            [ $# -ge 2 ] || { usage >&2; exit 2; }
            live "$2"
            shift ;;
        --fuzz)
            [[ ${2:-} =~ ^[1-9][0-9]*$ ]] || { usage >&2; exit 2; }
            export PFCON_TEST_FUZZ=$2
            arguments+=(tests/api/test_fuzz_app.py tests/api/test_fuzz_service.py)
            shift ;;
        *) arguments+=("$1") ;;
    esac
    shift
done

cd -- "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
# shellcheck source=dev/venv.sh
. dev/venv.sh
echo "==> virtual environment"
ensure_venv .venv-test "[test]"
# Both releases of the client call their module pfconclient: the older is in the environment, the newer beside it.
if ensure_package .venv-test/pfconclient4 client4 .venv-test/bin/python; then
    export PFCON_TEST_CLIENT4=$PWD/.venv-test/pfconclient4
else
    FAILED+=("installing python-pfconclient 4.0.0")
fi
PATH=$PWD/.venv-test/bin:$PATH # tests start `pfcon` and `python` as a user does
[ -n "$ONLY_TESTS" ] || check_all
[ -n "$ONLY_CHECKS" ] || check pytest run_pytest "${arguments[@]}"
report
