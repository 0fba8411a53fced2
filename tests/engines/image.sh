#!/usr/bin/env bash
# The image of the test jobs, and the base of pfcon's own, from Debian's busybox and Python, without a registry.
# README.md tells how to use it. Imports it into each of the engines of PFCON_TEST_DOCKER, PFCON_TEST_PODMAN,
# PFCON_TEST_PODMAN_ROOTLESS and PFCON_TEST_SWARM.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

IMAGE=${PFCON_TEST_IMAGE:-local/pfcon-test:1}
WORKDIR=/opt/here # where its programs start
MACHINE=$(uname -m)
image_engines
# Of the GNU libraries that binary wheels may expect of any system (PEP 513), those that Python itself does not need.
WHEELS_EXPECT=(libpthread.so.0 libdl.so.2 librt.so.1 libutil.so.1 libgcc_s.so.1 libstdc++.so.6)

# static_busybox: print the path of a busybox without shared libraries; fails when there is none.
static_busybox() {
    local path
    path=$(type -P busybox) && ! ldd "$path" 2>/dev/null | grep -q / && echo "$path"
}

install() {
    if python_version >/dev/null && static_busybox >/dev/null; then
        say "busybox and Python are there"
    else
        install_packages busybox-static python3 python3-venv
    fi
}

# add_busybox ROOT: the program, and a link for each of its commands.
add_busybox() {
    local busybox command
    busybox=$(static_busybox)
    cp -L -- "$busybox" "$1/bin/busybox"
    for command in $("$busybox" --list); do
        [ "$command" = busybox ] || ln -s busybox "$1/bin/$command"
    done
}

# python_files VERSION: print the absolute paths of the interpreter and its library, with ensurepip and its wheels.
python_files() {
    dpkg-query -L "python$1-minimal" "libpython$1-minimal" "libpython$1-stdlib" "python$1-venv" \
        python3-pip-whl python3-setuptools-whl |
        grep -E "^/usr/(bin/python|lib/python$1|share/python-wheels)" | sort -u
}

# add_python ROOT: Debian's Python with the shared libraries that it and its modules need.
add_python() {
    local version library
    version=$(python_version)
    python_files "$version" | tar -C / --no-recursion -cf - -T - 2>/dev/null | tar -C "$1" -xf -
    ln -s "python$version" "$1/usr/bin/python3"
    # ldd(1) prints NAME => PATH (ADDRESS), and the loader as PATH (ADDRESS).
    for library in $(ldd "/usr/bin/python$version" "/usr/lib/python$version/lib-dynload/"*.so |
        grep '(0x' | grep -o '/[^ ]*' | sort -u); do
        mkdir -p "$1${library%/*}"
        cp -L -- "$library" "$1$library"
        [[ $library != */libc.so.6 ]] || (cd -- "${library%/*}" && cp -L -t "$1${library%/*}" -- "${WHEELS_EXPECT[@]}")
    done
}

# add_unusable ROOT: files that can't be run, each for another reason.
add_unusable() {
    local to=$1/opt/unusable
    mkdir -p "$to/directory"
    printf 'echo it ran\n' >"$to/no-interpreter-line"
    printf '#!/bin/sh\r\necho it ran\r\n' >"$to/windows-line-ends"
    printf '#!/no/such/interpreter\n' >"$to/no-such-interpreter"
    printf '#!/bin/sh\necho it ran\n' >"$to/no-permission"
    # The header of a 64-bit program for s390x (elf(5)): no machine that runs these tests has such a processor.
    printf '\177ELF\002\002\001%09d\000\002\000\026%044d' 0 0 | tr 0 '\000' >"$to/other-processor"
    chmod 755 "$to"/*
    chmod 644 "$to/no-permission"
}

# build ROOT: what the image holds.
build() {
    mkdir -p "$1$WORKDIR" "$1"/{bin,etc,root,share,tmp,usr/bin,usr/lib}
    add_busybox "$1"
    add_python "$1"
    add_unusable "$1"
    printf '%s\n' root:x:0:0:root:/root:/bin/sh nobody:x:65534:65534:nobody:/:/bin/false >"$1/etc/passwd"
    printf '%s\n' root:x:0: nogroup:x:65534: >"$1/etc/group"
    find "$1" -type d -exec chmod 755 {} +
    chmod 1777 "$1/tmp"
    "$1/usr/bin/python3" -c '' # at least on this machine it starts
}

# built: build what the image holds, once, in $root.
built() {
    [ -z "$root" ] || return 0
    say "building $IMAGE for $MACHINE"
    root=$(mktemp -d)
    build "$root"
}

# made_by: print a label that tells which script made the image, of which Python.
made_by() {
    printf 'org.chrisproject.pfcon.made-by=%s-%s\n' "$(cksum <"${BASH_SOURCE[0]}" | cut -d ' ' -f 1)" "$(python_version)"
}

# import_into URL: import the built image where it is missing, or older than this script. Builds it on its first call.
import_into() {
    if api has "$1" "$IMAGE" --label "$(made_by)"; then
        say "$1 has $IMAGE"
        return
    fi
    built
    tar -C "$root" --owner=0 --group=0 --numeric-owner -cf - . | api import "$1" "$IMAGE" --label "$(made_by)" --workdir "$WORKDIR"
    say "imported $IMAGE into $1"
}

# lay_out DIRECTORY: the same as an OCI layout, called layout instead of its version, and unpacked as a bundle, for Slurm.
lay_out() {
    local name=${IMAGE%:*} layout
    layout=$1/$name/layout
    if [ -d "$1/$name/${IMAGE##*:}" ]; then
        say "$1 has $IMAGE"
        return
    fi
    built
    rm -rf -- "$layout"
    mkdir -p "${layout%/*}"
    umoci init --layout "$layout"
    umoci new --image "$layout:test"
    umoci insert --rootless --image "$layout:test" "$root" /
    umoci config --image "$layout:test" --config.workingdir "$WORKDIR"
    umoci unpack --rootless --image "$layout:test" "$root.bundle"
    mkdir -p "$root.bundle/rootfs"/{dev,proc,run,sys,var/tmp,share/incoming,share/outgoing,share/storebase}
    touch "$root.bundle/rootfs/etc/resolv.conf" "$root.bundle/rootfs/etc/hosts"
    chmod 755 "$root.bundle"
    mv -- "$root.bundle" "$1/$name/${IMAGE##*:}"
    say "made $IMAGE in $1"
}

start() {
    local url
    [ ${#ENGINES[@]} -gt 0 ] || [ -n "${PFCON_TEST_SLURM_IMAGES:-}" ] ||
        die "start an engine first: docker.sh, podman.sh, swarm.sh or slurm.sh"
    if ! python_version >/dev/null || ! static_busybox >/dev/null; then
        die "there is no static busybox or no Python of Debian's; \`${0##*/} install\` installs them"
    fi
    root=""
    trap '[ -z "$root" ] || rm -rf -- "$root"' EXIT
    for url in "${ENGINES[@]}"; do
        import_into "$url"
    done
    [ -z "${PFCON_TEST_SLURM_IMAGES:-}" ] || lay_out "$PFCON_TEST_SLURM_IMAGES"
    export_line PFCON_TEST_IMAGE "$IMAGE"
    export_line PFCON_TEST_WORKDIR "$WORKDIR"
}

# stop: remove the image again.
stop() {
    local url
    for url in "${ENGINES[@]}"; do
        if api remove-image "$url" "$IMAGE"; then
            say "removed $IMAGE from $url"
        fi
    done
}

dispatch "$@"
