#!/usr/bin/env bash
# Renews the lock files of requirements/. `-h` tells more.
set -euo pipefail

usage() {
    cat <<'END'
Usage: dev/lock.sh [--upgrade] [PACKAGE...]

Writes requirements/*.lock anew: every package that pfcon, its image, its tests and its tools need, with version and
hashes, for Python 3.11 and newer on every platform. Versions stay as they are where setup.cfg still allows them.

  --upgrade  take the newest of all
  PACKAGE    take the newest of this one
  -h         show this and exit

Needs a package index. tests/unit/test_locks.py checks that the files fit setup.cfg.
END
}

OPTIONS=()
for word; do
    case $word in
        -h | --help)
            usage
            exit 0 ;;
        --upgrade) OPTIONS+=(--upgrade) ;;
        -*)
            usage >&2
            exit 2 ;;
        *) OPTIONS+=(--upgrade-package "$word") ;;
    esac
done

cd -- "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
# shellcheck source=dev/venv.sh
. dev/venv.sh
ensure_tool .venv-tools tools
PYTHON_PATH=.venv-tools/bin/python

# compile NAME [OPTION...]: write one lock file.
compile() {
    local name=$1 file=requirements/$1.lock
    shift
    printf '==> %s\n' "$file"
    "$PYTHON_PATH" dev/locks.py "$name" >"$WORK/$name.in"
    if [ -f "$file" ]; then
        cp "$file" "$WORK/$name.lock" # the versions to keep
    fi
    .venv-tools/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-annotate --no-header ${OPTIONS[@]+"${OPTIONS[@]}"} "$@" --output-file "$WORK/$name.lock" "$WORK/$name.in" >/dev/null
    { echo "# Made by dev/lock.sh; not to be edited." && cat "$WORK/$name.lock"; } >"$WORK/new"
    cat "$WORK/new" >"$file"
}

# verify NAME: check that each package has a wheel for each Python and processor that the files are for.
verify() {
    local version processor
    for version in 3.11 3.12 3.13; do
        for processor in x86_64 aarch64; do
            .venv-tools/bin/uv pip install --quiet --dry-run --target "$WORK/none" --python-version "$version" \
                --python-platform "$processor-manylinux_2_28" --only-binary :all: --require-hashes \
                -r "requirements/$1.lock" || return
        done
    done
}

WORK=$(mktemp -d)
trap 'rm -rf -- "$WORK"' EXIT
for name in $("$PYTHON_PATH" dev/locks.py); do
    case $name in
        image | service) compile "$name" --constraint requirements/test.lock ;; # the versions that are tested
        client4) compile "$name" --no-deps ;;
        *) compile "$name" ;;
    esac
    verify "$name"
done
