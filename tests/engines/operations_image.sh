#!/usr/bin/env bash
# pfcon's own image, from the Dockerfile as it is shipped, without a registry: it serves, and it runs copy, upload and
# delete jobs. README.md tells how to use it. It begins from the image of PFCON_TEST_IMAGE, and gets into the engines of
# PFCON_TEST_DOCKER, PFCON_TEST_PODMAN, PFCON_TEST_PODMAN_ROOTLESS and PFCON_TEST_SWARM.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

IMAGE=${PFCON_TEST_OP_IMAGE:-local/pfcon:1}
BASE=${PFCON_TEST_IMAGE:-local/pfcon-test:1}
WHEELS=$ENGINES_DIR/wheels
image_engines
FILES=(Dockerfile .dockerignore pyproject.toml setup.cfg README.md LICENSE pfcon requirements)

install() {
    if python_version >/dev/null; then
        say "Python is there"
    else
        install_packages python3 python3-venv
    fi
}

# wheels_stamp: print what the wheels depend on.
wheels_stamp() {
    python_version
    cksum "$REPOSITORY/requirements/image.lock"
}

# fetch_wheels: have the wheels of all that the Dockerfile installs, for the Python of the image, in $WHEELS.
fetch_wheels() {
    local python
    if [ "$(cat -- "$WHEELS/stamp" 2>/dev/null)" = "$(wheels_stamp)" ]; then
        say "the wheels are there"
        return
    fi
    python=/usr/bin/python$(python_version)
    say "fetching wheels for $("$python" -V)"
    rm -rf -- "$WHEELS" "$WHEELS.env"
    mkdir -p "$WHEELS"
    "$python" -m venv "$WHEELS.env"
    "$WHEELS.env/bin/pip" download --quiet --no-input --no-deps --require-hashes --only-binary :all: --dest "$WHEELS" \
        -r "$REPOSITORY/requirements/image.lock" >&2
    rm -rf -- "$WHEELS.env"
    wheels_stamp >"$WHEELS/stamp"
}

# context: print the tar that the build is made of: the repository's files, and the wheels beside them.
context() {
    tar --exclude __pycache__ --owner=0 --group=0 --numeric-owner -cf - -C "$REPOSITORY" "${FILES[@]}" -C "$ENGINES_DIR" wheels
}

# build URL: build it in an engine; a second time, and with the same files, the engine's cache has it.
build() {
    api has "$1" "$BASE" || die "$1 has no $BASE; \`image.sh start\` makes it"
    context | api build "$1" "$IMAGE" --set "BASE=$BASE" --set PIP_NO_INDEX=1 >&2
    say "built $IMAGE in $1"
}

# start: build it in the first engine; all others get a copy.
start() {
    local url
    [ ${#ENGINES[@]} -gt 0 ] || die "start an engine first: docker.sh, podman.sh, podman_rootless.sh or swarm.sh"
    python_version >/dev/null || die "there is no Python of Debian's; \`${0##*/} install\` installs it"
    fetch_wheels
    build "${ENGINES[0]}"
    for url in "${ENGINES[@]:1}"; do
        api copy "$url" "$IMAGE" --from "${ENGINES[0]}"
        say "copied $IMAGE into $url"
    done
    export_line PFCON_TEST_OP_IMAGE "$IMAGE"
}

# stop: remove the image again, and the stages that builds left.
stop() {
    local url
    for url in "${ENGINES[@]}"; do
        if api remove-image "$url" "$IMAGE"; then
            say "removed $IMAGE from $url"
        fi
        api remove-stages "$url" org.chrisproject.pfcon.stage=build
    done
}

dispatch "$@"
