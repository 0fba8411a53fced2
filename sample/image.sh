#!/usr/bin/env bash
# Builds the image of the sample job without a registry, without root and without Debian.
set -euo pipefail

IMAGE=local/pfcon-sample:1
COMMANDS=(sh mkdir sort wc cat ls sleep)

usage() {
    cat <<END
Usage: sample/image.sh [docker|podman|swarm|slurm|htcondor]

Makes the image $IMAGE in the engine that answers, from this machine's own static busybox, or else from
its own sh and coreutils with the shared libraries that they need. Does nothing when the image is there.
For slurm and htcondor, it is a directory below that of SLURM_IMAGES or HTCONDOR_IMAGES. DOCKER_HOST says where the engine answers, where it is not one of the usual sockets; PYTHON names a Python 3.
END
}

# build_busybox ROOT FILE: a root file system of one static program with a link for each command.
build_busybox() {
    local command
    cp -L -- "$2" "$1/bin/busybox"
    for command in "${COMMANDS[@]}"; do
        ln -s busybox "$1/bin/$command"
    done
}

# build_commands ROOT: a root file system of this machine's own commands, and their libraries at their own paths.
build_commands() {
    local command path library
    for command in "${COMMANDS[@]}"; do
        path=$(type -P "$command") || { echo "there is no command $command to put into the image" >&2; return 1; }
        cp -L -- "$path" "$1/bin/$command"
        # ldd(1) prints NAME => PATH (ADDRESS), and the loader as PATH (ADDRESS).
        for library in $(ldd "$path" 2>/dev/null | grep -o '/[^ )]*'); do
            mkdir -p -- "$1${library%/*}"
            [ -e "$1$library" ] || cp -L -- "$library" "$1$library"
        done
    done
}

# build ROOT: what the image holds.
build() {
    local busybox
    mkdir -p "$1/bin" "$1/etc" "$1/tmp" "$1/share"
    busybox=$(type -P busybox || true)
    # A static program has no libraries to list; only then may one file be the whole image.
    if [ -n "$busybox" ] && ! ldd "$busybox" 2>/dev/null | grep -q /; then
        build_busybox "$1" "$busybox"
    else
        build_commands "$1"
    fi
    echo 'root:x:0:0:root:/:/bin/sh' >"$1/etc/passwd"
    echo 'root:x:0:' >"$1/etc/group"
    find "$1" -type d -exec chmod 755 {} +
    chmod 1777 "$1/tmp"
}

# lay_out DIRECTORY: the same as a directory, for batch systems: read-only to jobs, so with all that launchers mount on.
lay_out() {
    local target=$1/${IMAGE/:/\/}
    if [ -d "$target" ]; then
        echo "$IMAGE is in $1"
        return 0
    fi
    mkdir -p -- "${target%/*}"
    made=$(mktemp -d -- "${target%/*}/.XXXXXX")
    trap 'rm -rf -- "$made"' EXIT
    mkdir "$made/rootfs"
    build "$made/rootfs"
    mkdir -p "$made/rootfs"/{dev,proc,run,sys,var/tmp,share/incoming,share/outgoing,share/storebase}
    touch "$made/rootfs/etc/resolv.conf" "$made/rootfs/etc/hosts"
    echo '{"process": {"env": [], "cwd": "/"}}' >"$made/config.json"
    chmod 755 "$made"
    mv -T -- "$made" "$target"
    trap - EXIT
    echo "made $IMAGE in $1"
}

case ${1:-} in
    -h | --help) usage; exit 0 ;;
    docker | podman | swarm | "") ENGINE=${1:-} ;;
    slurm) lay_out "${SLURM_IMAGES:?names the directory of images}"; exit 0 ;;
    htcondor) lay_out "${HTCONDOR_IMAGES:?names the directory of images}"; exit 0 ;;
    *) usage >&2; exit 2 ;;
esac
cd -- "$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)"
# shellcheck source=dev/engine.sh
. dev/engine.sh
PYTHON_PATH=$(type -P "${PYTHON:-python3}") || { echo "sample/image.sh needs Python 3" >&2; exit 1; }
choose_engine >/dev/null
if [ "$ENGINE" = process ]; then
    echo "the process engine has no images" >&2
    exit 1
fi
if "$PYTHON_PATH" dev/engine_api.py has "$ENGINE_URL" "$IMAGE"; then
    echo "$IMAGE is in $ENGINE"
    exit 0
fi
root=$(mktemp -d)
trap 'rm -rf -- "$root"' EXIT
build "$root"
tar -C "$root" --owner=0 --group=0 --numeric-owner -cf - . | "$PYTHON_PATH" dev/engine_api.py import "$ENGINE_URL" "$IMAGE"
echo "built $IMAGE in $ENGINE"
