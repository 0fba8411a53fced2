#!/usr/bin/env bash
# A Docker Swarm of one node for the tests, from Debian's docker.io. README.md in this directory tells how to use it.
# PFCON_TEST_SWARM: where its manager answers, unix:///PATH.
#
# It is a Docker engine of its own, in a network namespace of its own: neither the bridges nor the ports of a Swarm get
# in the way of another engine, and its nodes reach no registry of images. It offers two GPUs that are not there,
# counted, not named: a Swarm rejects tasks with named ones whenever something about their node changes (docker/cli#1805).
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

URL=${PFCON_TEST_SWARM:-unix://$ENGINES_DIR/swarm.sock}
[ "$GENERATION" = machine ] || URL=unix://$ENGINES_DIR/swarm.sock
HOME_DIR=$ENGINES_DIR/swarm
# Without a history of tasks: whoever relies on one finds out (Docker Engine API reference, SwarmInit). A minute
# (nanoseconds) between a node's signs of life: a busy one that misses some loses its tasks.
SWARM='{"ListenAddr": "127.0.0.1:2377", "AdvertiseAddr": "127.0.0.1:2377",
    "Spec": {"Orchestration": {"TaskHistoryRetentionLimit": 0}, "Dispatcher": {"HeartbeatPeriod": 60000000000}}}'

install() {
    if type -P dockerd ip iptables >/dev/null; then
        say "dockerd is there"
    else
        install_packages docker.io iptables iproute2
    fi
}

# swarm_api METHOD PATH BODY: one call with a JSON body, or none; prints the answer and fails when it is no success.
swarm_api() {
    PYTHONPATH=$REPOSITORY/dev python3 - "$URL" "$@" <<'END'
import sys
from engine_api import ANSWER_SECONDS, WORK_SECONDS, connect

url, method, path, body = sys.argv[1:]
connection = connect(url, ANSWER_SECONDS if method == "GET" else WORK_SECONDS)
connection.request(method, path, body=body or None, headers={"Content-Type": "application/json"})
answer = connection.getresponse()
print(answer.read().decode())
sys.exit(answer.status != 200)
END
}

# answers: whether a manager of a Swarm does (Docker Engine API reference, NodeList).
answers() {
    swarm_api GET /nodes ""
}

start() {
    if answers >/dev/null 2>&1; then
        say "a Swarm answers at $URL already"
    else
        type -P dockerd ip iptables >/dev/null ||
            die "dockerd, ip or iptables is missing; \`${0##*/} install\` installs them"
        mkdir -p "$HOME_DIR"
        in_background swarm unshare --net sh -c 'ip link set lo up && exec "$@"' sh \
            dockerd --host "$URL" --data-root "$HOME_DIR/data" --exec-root "$HOME_DIR/exec" \
            --pidfile "$HOME_DIR/dockerd.pid" --containerd-namespace pfcon-swarm \
            --containerd-plugins-namespace pfcon-swarm-plugins \
            --node-generic-resource gpu=2
        await swarm api probe "$URL"
        swarm_api POST /swarm/init "$SWARM" >&2
        await swarm answers
        say "started a Swarm at $URL"
    fi
    export_line PFCON_TEST_SWARM "$URL"
}

stop() {
    stop_ours swarm TERM
    rm -rf -- "$HOME_DIR"
}

dispatch "$@"
