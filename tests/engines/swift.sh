#!/usr/bin/env bash
# OpenStack Swift, which speaks S3 too, for the tests: one process, on a free port of loopback; dev/swift_server.py.
# README.md in this directory tells how to use it. It needs no root.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=dev/venv.sh
. "$REPOSITORY/dev/venv.sh"

VENV=$ENGINES_DIR/swift-venv # of its own: Swift's eventlet is not for the service's
HOME_DIR=$ENGINES_DIR/swift

install() {
    mkdir -p "$ENGINES_DIR"
    (cd -- "$REPOSITORY" && ensure_tool "$VENV" swift) >&2 || die "the installation failed"
}

# healthy URL: whether a Swift proxy answers at that host and port (GET /healthcheck, Swift's middleware of that name).
healthy() {
    python3 - "$1" <<'END'
import http.client
import sys
from urllib.parse import urlsplit

connection = http.client.HTTPConnection(urlsplit(sys.argv[1]).netloc, timeout=5)
connection.request("GET", "/healthcheck")
sys.exit(connection.getresponse().status != http.client.OK)
END
}

# tell URL: print the lines for `eval`.
tell() {
    export_line PFCON_TEST_SWIFT "$1/auth/v1.0"
    export_line PFCON_TEST_S3 "$1"
    export_line PFCON_TEST_SWIFT_PYTHON "$VENV/bin/python"
}

start() {
    local port
    if our_pid swift >/dev/null; then
        say "ours answers already"
        tell "$(cat "$ENGINES_DIR/swift.url")"
        return
    fi
    if [ -n "${PFCON_TEST_S3:-}" ]; then
        if healthy "$PFCON_TEST_S3" 2>/dev/null; then
            say "answers at PFCON_TEST_S3 already"
            tell "$PFCON_TEST_S3"
            return
        fi
        say "nothing answers at PFCON_TEST_S3; starting one of our own"
    fi
    [ -x "$VENV/bin/python" ] || die "there is no Swift; \`${0##*/} install\` installs it"
    hold_port python3 "$REPOSITORY/dev/probe.py"
    port=$HELD_PORT
    mkdir -p "$HOME_DIR"
    in_background swift "$VENV/bin/python" "$REPOSITORY/dev/swift_server.py" "$HOME_DIR" --port "$port"
    await swift healthy "http://127.0.0.1:$port"
    echo "http://127.0.0.1:$port" >"$ENGINES_DIR/swift.url"
    say "started Swift, with S3, on 127.0.0.1:$port"
    tell "http://127.0.0.1:$port"
}

stop() {
    stop_ours swift TERM
    rm -rf -- "$HOME_DIR" "$ENGINES_DIR/swift.url"
}

dispatch "$@"
