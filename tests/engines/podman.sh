#!/usr/bin/env bash
# A Podman service for the tests, from Debian's podman. README.md in this directory tells how to use it.
# PFCON_TEST_PODMAN: where it answers or is to answer, unix:///PATH.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

URL=${PFCON_TEST_PODMAN:-unix://$ENGINES_DIR/podman.sock}

install() {
    if type -P podman runc catatonit >/dev/null; then
        say "podman is there"
    else
        install_packages podman runc catatonit
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
            in_background podman podman system service -t 0 "$URL"
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
