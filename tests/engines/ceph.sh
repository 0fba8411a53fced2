#!/usr/bin/env bash
# Ceph's radosgw, which speaks Swift and S3, on a free port of loopback: a Ceph of one node (ceph/node.sh). As root.
# README.md in this directory tells how to use it.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

PACKAGES=(ceph-mon ceph-osd radosgw ceph-common)
PROGRAMS=(ceph-mon ceph-osd radosgw radosgw-admin ceph)
HOME_DIR=$ENGINES_DIR/ceph
URL_FILE=$ENGINES_DIR/ceph.url

# complete: whether the programs are installed.
complete() {
    local program
    for program in "${PROGRAMS[@]}"; do
        type -P "$program" >/dev/null || return 1
    done
}

install() {
    if complete; then
        say "Ceph is there"
    else
        install_packages "${PACKAGES[@]}"
    fi
}

# answers URL: whether a radosgw answers there.
answers() {
    python3 - "$1" <<'END'
import http.client
import sys
from urllib.parse import urlsplit

connection = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=5)
connection.request("GET", "/")
sys.exit(connection.getresponse().status != http.client.OK)
END
}

# tell URL: print the lines for `eval`.
tell() {
    export_line PFCON_TEST_CEPH_SWIFT "$1/auth/v1.0"
    export_line PFCON_TEST_CEPH_S3 "$1"
}

start() {
    local mon_port port
    if our_pid ceph >/dev/null; then
        say "ours answers already"
        tell "$(cat "$URL_FILE")"
        return
    fi
    if [ -n "${PFCON_TEST_CEPH_S3:-}" ]; then
        if answers "$PFCON_TEST_CEPH_S3" 2>/dev/null; then
            say "answers at PFCON_TEST_CEPH_S3 already"
            tell "$PFCON_TEST_CEPH_S3"
            return
        fi
        say "nothing answers at PFCON_TEST_CEPH_S3; starting one of our own"
    fi
    complete || die "there is no Ceph; \`${0##*/} install\` installs it"
    hold_port python3 "$REPOSITORY/dev/probe.py"
    mon_port=$HELD_PORT
    hold_port python3 "$REPOSITORY/dev/probe.py"
    port=$HELD_PORT
    rm -rf -- "$HOME_DIR"
    mkdir -p "$HOME_DIR"
    in_background ceph bash "$REPOSITORY/tests/engines/ceph/node.sh" "$HOME_DIR" "$mon_port" "$port"
    await ceph test -e "$HOME_DIR/up"
    echo "http://127.0.0.1:$port" >"$URL_FILE"
    say "started radosgw on 127.0.0.1:$port: $(radosgw --version)"
    tell "http://127.0.0.1:$port"
}

stop() {
    stop_ours ceph TERM
    rm -rf -- "$HOME_DIR" "$URL_FILE"
}

dispatch "$@"
