#!/usr/bin/env bash
# A Docker engine for the tests, from Debian's docker.io, and docker-compose. README.md in this directory tells how to use it.
# PFCON_TEST_DOCKER: where it answers or is to answer. DOCKERD_OPTIONS: further words for dockerd.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

URL=${PFCON_TEST_DOCKER:-unix:///var/run/docker.sock}
[ "$GENERATION" = machine ] || URL=unix://$ENGINES_DIR/docker.sock
NUMBER=$(($(cksum <<<"$ENGINES_DIR" | cut -d ' ' -f 1) % 90)) # of today's engine, of which there may be several
BRIDGE=pfcon-today$NUMBER # the machine's own engine has docker0

install() {
    if type -P dockerd >/dev/null; then
        say "dockerd is there"
    else
        install_packages docker.io iptables
    fi
    [ "$GENERATION" = machine ] || return 0
    if docker compose version >/dev/null 2>&1 || type -P docker-compose >/dev/null; then
        say "docker compose is there"
    else
        install_packages docker-compose
    fi
}

# beside_another: set options to what a second engine on this machine needs: its own directories, a bridge that exists
# (with --bridge none it would delete the first one's), and no rules of iptables. Its jobs reach loopback only.
beside_another() {
    options=(--data-root "$ENGINES_DIR/docker" --exec-root "$ENGINES_DIR/docker-run" --pidfile "$ENGINES_DIR/dockerd.id"
        --bridge "$BRIDGE" --iptables=false --ip6tables=false --ip-masq=false)
    ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
    ip address replace "10.$((110 + NUMBER)).0.1/16" dev "$BRIDGE"
    ip link set "$BRIDGE" up
}

start() {
    local options=()
    if api probe "$URL" >/dev/null 2>&1; then
        say "$(api probe "$URL") answers at $URL already"
    else
        type -P dockerd >/dev/null || die "there is no dockerd; \`${0##*/} install\` installs it"
        if [ "$GENERATION" = machine ]; then read -r -a options <<<"${DOCKERD_OPTIONS:-}"; else beside_another; fi
        in_background dockerd dockerd --host "$URL" "${options[@]}"
        await dockerd api probe "$URL"
        say "started $(api probe "$URL") at $URL"
    fi
    export_line PFCON_TEST_DOCKER "$URL"
}

stop() {
    stop_ours dockerd TERM
    [ "$GENERATION" = machine ] || ip link delete "$BRIDGE" 2>/dev/null || true
}

dispatch "$@"
