#!/usr/bin/env bash
# The image of the test jobs with Debian's Open MPI, for Slurm, beside it in PFCON_TEST_SLURM_IMAGES. README.md tells how
# to use it. It is a copy of the other's files, as hard links, and Open MPI's libraries of this machine.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

IMAGE=${PFCON_TEST_MPI_IMAGE:-local/pfcon-test-mpi:1}
BASE=${PFCON_TEST_IMAGE:-local/pfcon-test:1}
PACKAGES=(libopenmpi3 libpmix2)
# Plugins for networks that no machine of the tests has: their libraries are larger than all the rest.
LEFT_OUT='ofi|ucx|psm|openib|verbs|java|mpifh|usempi|oshmem'

install() {
    if library >/dev/null; then
        say "Open MPI is there"
    else
        install_packages "${PACKAGES[@]}"
    fi
}

# library: print the path of Open MPI's library; fails when there is none.
library() {
    dpkg-query -L "${PACKAGES[@]}" 2>/dev/null | grep '/libmpi\.so\.[0-9]*$'
}

# files: print the paths of Open MPI, its plugins, PMIx's, and all libraries that they need.
files() {
    local own
    own=$(dpkg-query -L "${PACKAGES[@]}" | grep -E '\.so|\.conf$|\.txt$' | grep -vE "$LEFT_OUT")
    # shellcheck disable=SC2046 # paths of packages have no blanks
    { echo "$own"; ldd $(grep '\.so' <<<"$own") 2>/dev/null | grep '(0x' | grep -o '/[^ ]*'; } | sort -u
}

# build ROOT: what the image has that its base has not.
build() {
    local file
    for file in $(files); do
        [ ! -e "$1$file" ] || continue
        mkdir -p "$1${file%/*}"
        cp -L -- "$file" "$1$file"
    done
}

start() {
    local images=${PFCON_TEST_SLURM_IMAGES:?start slurm.sh first} target work
    target=$images/${IMAGE/://}
    [ -d "$images/${BASE/://}" ] || die "there is no $BASE in $images; \`image.sh start\` makes it"
    library >/dev/null || die "there is no Open MPI of Debian's; \`${0##*/} install\` installs it"
    if [ -d "$target" ]; then
        say "$images has $IMAGE"
    else
        work=$images/mpi.$$
        mkdir -p "${target%/*}"
        cp -al -- "$images/${BASE/://}" "$work"
        build "$work/rootfs"
        mv -T -- "$work" "$target"
        say "made $IMAGE in $images"
    fi
    export_line PFCON_TEST_MPI_IMAGE "$IMAGE"
}

# stop: slurm.sh removes the image with all others.
stop() {
    say "nothing of ours to stop"
}

dispatch "$@"
