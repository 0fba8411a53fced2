#!/usr/bin/env bash
# A Docker engine for the tests, from Debian's docker.io, and docker-compose. README.md in this directory tells how to use it.
# PFCON_TEST_DOCKER: where it answers or is to answer. DOCKERD_OPTIONS: further words for dockerd.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

URL=${PFCON_TEST_DOCKER:-unix:///var/run/docker.sock}

install() {
    if type -P dockerd >/dev/null; then
        say "dockerd is there"
    else
        install_packages docker.io iptables
    fi
    if docker compose version >/dev/null 2>&1 || type -P docker-compose >/dev/null; then
        say "docker compose is there"
    else
        install_packages docker-compose
    fi
}

start() {
    local options=()
    if api probe "$URL" >/dev/null 2>&1; then
        say "$(api probe "$URL") answers at $URL already"
    else
        type -P dockerd >/dev/null || die "there is no dockerd; \`${0##*/} install\` installs it"
        read -r -a options <<<"${DOCKERD_OPTIONS:-}"
        in_background dockerd dockerd --host "$URL" "${options[@]}"
        await dockerd api probe "$URL"
        say "started $(api probe "$URL") at $URL"
    fi
    export_line PFCON_TEST_DOCKER "$URL"
}

stop() {
    stop_ours dockerd TERM
}

dispatch "$@"
