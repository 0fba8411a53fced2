#!/usr/bin/env bash
# A Kubernetes 1.20 of one node for the tests: built from Debian 12's source package, with Debian's etcd, on loopback. Its
# pods run in the Docker engine of PFCON_TEST_DOCKER, and from that engine's images. README.md tells how to use it.
# PFCON_KUBERNETES_CACHE: where the built programs stay. PFCON_KUBERNETES_PORT: the first of seven free ports.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
HERE=$REPOSITORY/tests/engines/kubernetes
# shellcheck source=tests/engines/kubernetes/build.sh
. "$HERE/build.sh"
# shellcheck source=tests/engines/kubernetes/settings.sh
. "$HERE/settings.sh"

ENGINE=${PFCON_TEST_DOCKER:-unix:///var/run/docker.sock}
HOME_DIR=$ENGINES_DIR/kubernetes
PKI=$HOME_DIR/pki
STORE=$HOME_DIR/store
NAME=pfcon-test # of the namespace and of the claim
PAUSE=localhost/pfcon-pause:1
PORT=${PFCON_KUBERNETES_PORT:-26440}
API_PORT=$PORT ETCD_PORT=$((PORT + 1)) PEER_PORT=$((PORT + 2)) CONTROLLERS_PORT=$((PORT + 3))
SCHEDULER_PORT=$((PORT + 4)) KUBELET_PORT=$((PORT + 5))
ETCD=http://127.0.0.1:$ETCD_PORT
API=https://127.0.0.1:$API_PORT
PARTS=(kubelet kubernetes-relay kube-scheduler kube-controller-manager kube-apiserver kubernetes-etcd)

docker_() {
    DOCKER_HOST=$ENGINE docker "$@"
}

# fetch URL: print what an address of loopback answers.
fetch() {
    curl -sf --noproxy '*' --max-time 5 --cacert "$PKI/ca.crt" --cert "$PKI/admin.crt" --key "$PKI/admin.key" "$1"
}

install() {
    local missing=() program
    for program in etcd openssl curl; do
        type -P "$program" >/dev/null || missing+=("${program/etcd/etcd-server}")
    done
    [ ${#missing[@]} -eq 0 ] || without_services install_packages "${missing[@]}"
    if is_built; then
        say "Kubernetes is built already: $BIN"
    else
        build
    fi
}

# without_services COMMAND...: run it; what it installs (etcd) does not start by itself meanwhile.
without_services() {
    local policy=/usr/sbin/policy-rc.d status=0
    [ ! -e "$policy" ] || { "$@"; return; }
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
    ("$@") || status=$?
    rm -f "$policy"
    return "$status"
}

# import_pause: the image of pods' first process, in the engine.
import_pause() {
    local sum
    sum=$(sha256sum "$BIN/pause" | cut -d ' ' -f 1)
    [ "$(docker_ image inspect -f '{{index .Config.Labels "sum"}}' "$PAUSE" 2>/dev/null)" != "$sum" ] || return 0
    tar -C "$BIN" --owner=0 --group=0 -c pause |
        docker_ import -c 'ENTRYPOINT ["/pause"]' -c "LABEL sum=$sum" - "$PAUSE" >/dev/null
}

# foreign_pods: print the ids of pods in the engine that are not ours. Of two kubelets at one engine, each ends the
# other's pods.
foreign_pods() {
    local id
    for id in $(docker_ ps -q --no-trunc --filter label=io.kubernetes.docker.type=podsandbox); do
        [ -e "$HOME_DIR/shim/sandbox/$id" ] || echo "$id"
    done
}

start_control_plane() {
    local accounts=https://kubernetes.default.svc
    in_background kubernetes-etcd etcd --name test --data-dir "$HOME_DIR/etcd" --unsafe-no-fsync --log-level warn \
        --listen-client-urls "$ETCD" --advertise-client-urls "$ETCD" --initial-cluster "test=http://127.0.0.1:$PEER_PORT" \
        --listen-peer-urls "http://127.0.0.1:$PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$PEER_PORT"
    await kubernetes-etcd fetch "$ETCD/health"
    start_api_server "$accounts"
    in_background kube-controller-manager "$BIN/kube-controller-manager" --kubeconfig="$PKI/controllers.kubeconfig" \
        --authentication-kubeconfig="$PKI/controllers.kubeconfig" \
        --authorization-kubeconfig="$PKI/controllers.kubeconfig" --bind-address=127.0.0.1 \
        --secure-port="$CONTROLLERS_PORT" --port=0 --leader-elect=false --profiling=false \
        --kube-api-qps=100 --kube-api-burst=200 --use-service-account-credentials=true \
        --service-account-private-key-file="$PKI/accounts.key" --root-ca-file="$PKI/ca.crt" \
        --feature-gates=TTLAfterFinished=true --node-monitor-grace-period=5m --pvclaimbinder-sync-period=1s \
        --cert-dir="$HOME_DIR/certificates"
    in_background kube-scheduler "$BIN/kube-scheduler" --kubeconfig="$PKI/scheduler.kubeconfig" \
        --authentication-kubeconfig="$PKI/scheduler.kubeconfig" --authorization-kubeconfig="$PKI/scheduler.kubeconfig" \
        --bind-address=127.0.0.1 --secure-port="$SCHEDULER_PORT" --port=0 --leader-elect=false --profiling=false \
        --cert-dir="$HOME_DIR/certificates"
}

# start_api_server ISSUER: of service accounts' tokens.
start_api_server() {
    in_background kube-apiserver "$BIN/kube-apiserver" --etcd-servers="$ETCD" --bind-address=127.0.0.1 \
        --secure-port="$API_PORT" --insecure-port=0 --endpoint-reconciler-type=none \
        --service-cluster-ip-range=10.96.0.0/24 --authorization-mode=Node,RBAC \
        --enable-admission-plugins=NodeRestriction --feature-gates=TTLAfterFinished=true --profiling=false \
        --cert-dir="$HOME_DIR/certificates" --client-ca-file="$PKI/ca.crt" --tls-cert-file="$PKI/apiserver.crt" \
        --tls-private-key-file="$PKI/apiserver.key" --kubelet-client-certificate="$PKI/kubelet-client.crt" \
        --kubelet-client-key="$PKI/kubelet-client.key" --kubelet-certificate-authority="$PKI/ca.crt" \
        --kubelet-preferred-address-types=Hostname --service-account-issuer="$1" \
        --service-account-key-file="$PKI/accounts.pub" --service-account-signing-key-file="$PKI/accounts.key"
    await kube-apiserver fetch "$API/readyz"
}

start_kubelet() {
    local endpoint=$ENGINE address
    kubelet_settings >"$HOME_DIR/kubelet.yaml"
    if ! docker_ run --rm --network none --oom-score-adj -998 "$PAUSE" try >/dev/null 2>&1; then
        endpoint=unix://$HOME_DIR/docker.sock
        in_background kubernetes-relay python3 "$HERE/relay.py" "${endpoint#unix://}" "${ENGINE#unix://}"
        await kubernetes-relay env DOCKER_HOST="$endpoint" docker version
    fi
    # The node's address is that of the engine's bridge, which is there whatever network the machine has.
    address=$(docker_ network inspect bridge -f '{{range .IPAM.Config}}{{.Gateway}} {{end}}' | cut -d ' ' -f 1)
    in_background kubelet "$BIN/kubelet" --config="$HOME_DIR/kubelet.yaml" --kubeconfig="$PKI/kubelet.kubeconfig" \
        --root-dir="$HOME_DIR/kubelet" --cert-dir="$HOME_DIR/certificates" --hostname-override=localhost \
        ${address:+--node-ip="$address"} --container-runtime=docker --docker-endpoint="$endpoint" --network-plugin= \
        --pod-infra-container-image="$PAUSE" --experimental-dockershim-root-directory="$HOME_DIR/shim"
}

# is_ready: whether the node takes pods.
is_ready() {
    fetch "$API/api/v1/nodes/localhost" | python3 -c '
import json, sys
conditions = json.load(sys.stdin)["status"].get("conditions", [])
sys.exit(not any(each["type"] == "Ready" and each["status"] == "True" for each in conditions))'
}

start() {
    local begin=$SECONDS
    [ "$(id -u)" -eq 0 ] || die "a kubelet needs root"
    if our_pid kubelet >/dev/null && is_ready; then
        say "Kubernetes answers at $API already"
    else
        is_built || die "there is no Kubernetes; \`${0##*/} install\` builds it"
        docker_ info >/dev/null 2>&1 || die "no Docker engine answers at $ENGINE: docker.sh starts one"
        [ -z "$(foreign_pods)" ] || die "another kubelet's pods run in the Docker engine at $ENGINE"
        mkdir -p "$PKI" "$STORE" "$HOME_DIR/plugins"
        chmod 700 "$PKI"
        chmod 755 "$HOME_DIR" "$STORE"
        (cd "$PKI" && make_certificates)
        import_pause
        start_control_plane
        start_kubelet
        await kubelet is_ready
        python3 "$HERE/claim.py" "$API" "$PKI" "$STORE" "$NAME"
        await kube-controller-manager fetch "$API/api/v1/namespaces/$NAME/serviceaccounts/default"
        say "started Kubernetes at $API in $((SECONDS - begin)) s"
    fi
    export_line PFCON_TEST_KUBECONFIG "$PKI/admin.kubeconfig"
    export_line PFCON_TEST_KUBERNETES_STOREBASE "$STORE"
}

# remove_pods: what the kubelet started in the engine, as its own record names it, and its links to logs there.
remove_pods() {
    local id
    for id in "$HOME_DIR"/shim/sandbox/*; do
        id=${id##*/}
        [[ $id =~ ^[0-9a-f]{64}$ ]] || continue
        # shellcheck disable=SC2046 # several ids
        docker_ rm -f $(docker_ ps -aq --filter "label=io.kubernetes.sandbox.id=$id") "$id" >/dev/null 2>&1 || true
    done
    [ ! -d /var/log/containers ] ||
        find /var/log/containers -maxdepth 1 -xtype l -lname '/var/log/pods/*' -delete
    if [ -d /var/log/pods ]; then
        find /var/log/pods -mindepth 3 -path "/var/log/pods/${NAME}_*" -xtype l -delete
        find /var/log/pods -depth -mindepth 1 -path "/var/log/pods/${NAME}_*" -type d -empty -delete
    fi
}

stop() {
    local part mount
    [ -d "$HOME_DIR" ] || { say "nothing of ours to stop"; return; }
    stop_ours kubelet TERM
    remove_pods
    for part in "${PARTS[@]:1}"; do
        stop_ours "$part" TERM
    done
    awk -v d="$HOME_DIR/kubelet" '$2 == d || index($2, d "/") == 1 { print $2 }' /proc/mounts | sort -r |
        while read -r mount; do umount "$mount"; done
    rm -rf -- "$HOME_DIR"
}

dispatch "$@"
