#!/usr/bin/env bash
# The image of copy, upload and delete jobs: the target `operations` of the Dockerfile, without a registry.
# README.md tells how to use it. Builds it from the image of PFCON_TEST_IMAGE in the engine of PFCON_TEST_DOCKER.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

IMAGE=${PFCON_TEST_OP_IMAGE:-local/pfcon-operations:1}
BASE=${PFCON_TEST_IMAGE:-local/pfcon-test:1}

install() {
    say "the image of the tests is all that this needs: image.sh"
}

# context: print the tar that the build is made of, as .dockerignore leaves it.
context() {
    tar -C "$REPOSITORY" --exclude __pycache__ --owner=0 --group=0 --numeric-owner -cf - Dockerfile pfcon
}

# start: build it; a second time, and with the same files, the engine's cache has it.
start() {
    [ -n "${PFCON_TEST_DOCKER:-}" ] || die "start an engine first: docker.sh"
    api has "$PFCON_TEST_DOCKER" "$BASE" || die "$PFCON_TEST_DOCKER has no $BASE; \`image.sh start\` makes it"
    context | api build "$PFCON_TEST_DOCKER" "$IMAGE" --target operations --base "$BASE" >&2
    say "built $IMAGE in $PFCON_TEST_DOCKER"
    export_line PFCON_TEST_OP_IMAGE "$IMAGE"
}

# stop: remove the image again.
stop() {
    if [ -n "${PFCON_TEST_DOCKER:-}" ] && api remove-image "$PFCON_TEST_DOCKER" "$IMAGE"; then
        say "removed $IMAGE from $PFCON_TEST_DOCKER"
    fi
}

dispatch "$@"
