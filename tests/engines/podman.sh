#!/usr/bin/env bash
# A Podman service for the tests, from Debian's podman. README.md in this directory tells how to use it.
# PFCON_TEST_PODMAN: where it answers or is to answer, unix:///PATH.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

URL=${PFCON_TEST_PODMAN:-unix://$ENGINES_DIR/podman.sock}
OPTIONS=() # of podman, before its command
PACKAGES=(podman runc catatonit)
PROGRAMS=(podman runc catatonit)
if [ "$GENERATION" = today ]; then
    URL=unix://$ENGINES_DIR/podman.sock
    PACKAGES+=(nftables) # netavark(7), which is Podman 5's, sets its rules by it
    PROGRAMS+=(nft)
    OPTIONS=(--root "$ENGINES_DIR/podman" --runroot "$ENGINES_DIR/podman-run")
fi

install() {
    if type -P "${PROGRAMS[@]}" >/dev/null; then
        say "podman is there"
    else
        install_packages "${PACKAGES[@]}"
    fi
}

# configure: print containers.conf(5) for a root that may not raise its limits, and for mixed cgroup layouts.
configure() {
    cat <<'END'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
END
    # Beside the machine's own networks.
    [ "$GENERATION" = machine ] || printf '[network]\ndefault_subnet = "10.98.0.0/16"\n'
}

# configure_registries: print containers-registries.conf(5) that lets Podman pull from loopback without TLS, as Docker
# does by itself. That an address stands for all its ports is what Podman does, not what its manual promises.
configure_registries() {
    cat <<'END'
[[registry]]
location = "127.0.0.1"
insecure = true
END
}

start() {
    if api probe "$URL" >/dev/null 2>&1; then
        say "$(api probe "$URL") answers at $URL already"
    else
        type -P podman >/dev/null || die "there is no podman; \`${0##*/} install\` installs it"
        mkdir -p "$ENGINES_DIR"
        configure >"$ENGINES_DIR/containers.conf"
        configure_registries >"$ENGINES_DIR/registries.conf"
        cd "$ENGINES_DIR" # where a job runs out of memory, conmon leaves a file `oom` in its working directory
        CONTAINERS_CONF=$ENGINES_DIR/containers.conf CONTAINERS_REGISTRIES_CONF=$ENGINES_DIR/registries.conf \
            PODMAN_IGNORE_CGROUPSV1_WARNING=1 \
            in_background podman podman "${OPTIONS[@]}" system service -t 0 "$URL"
        await podman api probe "$URL"
        chmod 660 "${URL#unix://}" # as systemd's podman.socket has it: a container that is not root gets in by its group
        say "started $(api probe "$URL") at $URL"
    fi
    export_line PFCON_TEST_PODMAN "$URL"
}

stop() {
    stop_ours podman TERM
}

dispatch "$@"
