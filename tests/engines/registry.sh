#!/usr/bin/env bash
# A registry of images for the tests, from Debian's docker-registry, on a free port of loopback, without TLS.
# README.md in this directory tells how to use it. PFCON_TEST_REGISTRY: where it answers, 127.0.0.1:PORT.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

HOME_DIR=$ENGINES_DIR/registry
ADDRESS_FILE=$ENGINES_DIR/registry.address

install() {
    if type -P docker-registry >/dev/null; then
        say "docker-registry is there"
        return
    fi
    install_packages docker-registry
    # Under systemd the package starts one for the whole machine, on port 5000, that nobody asked for.
    [ ! -d /run/systemd/system ] || systemctl disable --now --quiet docker-registry
}

# answers ADDRESS: whether a registry does (GET /v2/, "API version check" of the distribution specification).
answers() {
    python3 - "$1" <<'END'
import http.client
import sys

connection = http.client.HTTPConnection(sys.argv[1], timeout=5)
connection.request("GET", "/v2/")
sys.exit(connection.getresponse().status != http.client.OK)
END
}

# configure PORT: print the registry's configuration.
configure() {
    cat <<END
version: 0.1
log: {level: warn, accesslog: {disabled: true}}
http: {addr: "127.0.0.1:$1"}
storage:
  filesystem: {rootdirectory: "$HOME_DIR"}
  maintenance: {uploadpurging: {enabled: false}}
END
}

start() {
    local port
    if our_pid registry >/dev/null; then
        say "ours answers already"
        export_line PFCON_TEST_REGISTRY "$(cat "$ADDRESS_FILE")"
        return
    fi
    if [ -n "${PFCON_TEST_REGISTRY:-}" ]; then
        if answers "$PFCON_TEST_REGISTRY" 2>/dev/null; then
            say "answers at PFCON_TEST_REGISTRY already"
            export_line PFCON_TEST_REGISTRY "$PFCON_TEST_REGISTRY"
            return
        fi
        say "nothing answers at PFCON_TEST_REGISTRY; starting one of our own"
    fi
    type -P docker-registry >/dev/null || die "there is no docker-registry; \`${0##*/} install\` installs it"
    hold_port python3 "$REPOSITORY/dev/probe.py"
    port=$HELD_PORT
    mkdir -p "$HOME_DIR"
    configure "$port" >"$ENGINES_DIR/registry.yml"
    in_background registry docker-registry serve "$ENGINES_DIR/registry.yml"
    await registry answers "127.0.0.1:$port"
    echo "127.0.0.1:$port" >"$ADDRESS_FILE"
    say "started a registry at 127.0.0.1:$port"
    export_line PFCON_TEST_REGISTRY "127.0.0.1:$port"
}

stop() {
    stop_ours registry TERM
    rm -rf -- "$HOME_DIR" "$ADDRESS_FILE" "$ENGINES_DIR/registry.yml"
}

dispatch "$@"
